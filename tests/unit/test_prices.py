"""What models cost: what is known, what settings say, and what becomes of it in whole numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from services.tagger.app import check_price, chosen_provider
from services.tagger.providers.choose import choose
from services.tagger.providers.prices import KNOWN, parsed, price_of
from services.tagger.providers.provider import Price, Usage
from services.tagger.settings import TaggerSettings


def price(model: str, **settings: object) -> Price:
    return choose(
        "openai",
        **{
            "openai_api_key": "k",
            "openai_base_url": None,
            "openai_model": model,
            "price_input_usd": None,
            "price_output_usd": None,
            "model_dir": Path("unused"),
            "threads": 1,
            **settings,
        },  # type: ignore[arg-type]
    ).price


def test_prices_are_known_of_common_models_and_can_be_set() -> None:
    assert price("gpt-4o-mini") == Price(0.15, 0.60, 0.075)
    assert price("gpt-4o-mini", price_output_usd=7) == Price(0.15, 7, 0.075)
    assert price("another") == Price(0, 0)
    assert price("another", prices=parsed("another=1/2")) == Price(1, 2)
    assert price("gpt-4o-mini", prices=parsed("gpt-4o-mini=0.1/0.2")) == Price(0.1, 0.2)


def checked(**settings: object) -> None:
    read = TaggerSettings.model_validate({"OPENAI_API_KEY": "k", **settings})
    check_price(read, chosen_provider(read, "openai"))


def test_a_budget_without_a_price_would_never_be_spent_and_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the price of the model: TAGLINE_PRICES=llava="):
        checked(OPENAI_MODEL="llava", TAGLINE_DAILY_BUDGET_USD=1)

    checked(OPENAI_MODEL="llava", TAGLINE_DAILY_BUDGET_USD=1, TAGLINE_PRICES="llava=0.1/0")


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({"OPENAI_MODEL": "gpt-9"}, ["price_unknown"]),
        (
            {"OPENAI_MODEL": "gpt-9", "OPENAI_BASE_URL": "https://api.openai.com/v1"},
            ["price_unknown"],
        ),
        ({"OPENAI_MODEL": "gpt-9", "TAGLINE_PRICES": "gpt-9=0/0"}, []),
        ({"OPENAI_MODEL": "llava", "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1"}, []),
        ({"OPENAI_MODEL": "gpt-4o-mini"}, []),
    ],
)
def test_a_paid_model_of_no_known_price_is_warned_of(
    settings: dict[str, object], warnings: list[str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        checked(**settings)

    assert [each["event"] for each in logs] == warnings


def test_a_fallback_without_a_budget_would_do_nothing_and_is_refused() -> None:
    with pytest.raises(ValueError, match="needs TAGLINE_DAILY_BUDGET_USD"):
        TaggerSettings.model_validate({"TAGLINE_BUDGET_FALLBACK": "local"})


def test_one_price_set_alone_goes_before_the_table() -> None:
    table = {"m": Price(1, 2, 0.5)}

    assert price_of("m", table, input_usd=3) == Price(3, 2)
    assert price_of("m", table, output_usd=3) == Price(1, 3, 0.5)


def test_a_dated_model_costs_what_the_undated_one_does_unless_it_is_listed() -> None:
    assert price_of("gpt-4o-mini-2024-07-18", {}) == KNOWN["gpt-4o-mini"]
    assert price_of("gpt-4o-2024-05-13", {}) == Price(5, 15)
    assert price_of("gpt-4o-2024-08-06", {"gpt-4o": Price(1, 1)}) == Price(1, 1)


def test_settings_name_models_with_colons_and_slashes() -> None:
    assert parsed("llava:13b=0/0, Qwen/Qwen2-VL-7B = 0.2/0.4/0.1,") == {
        "llava:13b": Price(0, 0),
        "Qwen/Qwen2-VL-7B": Price(0.2, 0.4, 0.1),
    }


@pytest.mark.parametrize(
    "text", ["gpt-4o-mini", "=1/2", "m=1", "m=1/2/3/4", "m=a/b", "m=-1/2", "m=inf/1", "m=nan/1"]
)
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no price such as gpt-4o-mini="):
        parsed(text)


def test_a_model_has_one_price() -> None:
    with pytest.raises(ValueError, match="names the model 'm' twice"):
        parsed("m=1/2,m=1/3")


def test_a_cost_is_a_whole_number_of_billionths_of_a_dollar() -> None:
    mini = KNOWN["gpt-4o-mini"]

    assert mini.nanousd(Usage(100, 20)) == 100 * 150 + 20 * 600
    assert mini.of(Usage(1_000_000, 1_000_000)) == 0.75
    # Sums of floats would be off by now
    assert sum(mini.nanousd(Usage(1, 0)) for _ in range(1000)) == 150_000
    assert Price(0.0375, 0).nanousd(Usage(1, 0)) == 38


def test_what_was_read_before_costs_less_where_the_price_says_so() -> None:
    assert KNOWN["gpt-4o-mini"].nanousd(Usage(100, 20, 40)) == 60 * 150 + 40 * 75 + 20 * 600
    assert Price(1, 2).nanousd(Usage(100, 0, 40)) == 100_000
    assert Price(1, 2, 0.5).nanousd(Usage(100, 0, 900)) == 50_000
