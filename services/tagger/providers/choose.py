"""Which provider a tagger uses. A new one is a line here, in `PROVIDERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NotRequired, TypedDict, Unpack

from services.tagger.providers.prices import price_of
from services.tagger.providers.provider import Price, Provider


class Options(TypedDict):
    """What providers are made of; each takes what it needs.

    Prices, of a million tokens, default to those of `prices`, by model, to what we know of the
    model, and else to nothing.
    """

    openai_api_key: str | None
    openai_base_url: str | None
    openai_model: str
    prompt: NotRequired[str | None]
    price_input_usd: float | None
    price_output_usd: float | None
    prices: NotRequired[Mapping[str, Price]]
    model_dir: Path
    threads: int


# Only what is chosen is imported: neither onnxruntime nor the SDK is small.


def _openai(options: Options) -> Provider:
    from services.tagger.providers.openai import OpenAIProvider  # noqa: PLC0415

    if not options["openai_api_key"]:
        raise ValueError("TAGLINE_PROVIDER=openai needs OPENAI_API_KEY")
    return OpenAIProvider(
        api_key=options["openai_api_key"],
        base_url=options["openai_base_url"],
        model=options["openai_model"],
        wanted=options.get("prompt"),
        price=price_of(
            options["openai_model"],
            options.get("prices", {}),
            input_usd=options["price_input_usd"],
            output_usd=options["price_output_usd"],
        ),
    )


def _local(options: Options) -> Provider:
    from services.tagger.providers.local import LocalProvider  # noqa: PLC0415

    return LocalProvider(options["model_dir"], threads=options["threads"])


PROVIDERS: Final[Mapping[str, Callable[[Options], Provider]]] = {
    "openai": _openai,
    "local": _local,
}
"""What makes a provider, by its name in `TAGLINE_PROVIDER`."""

AUTO: Final = "auto"


def choose(provider: str, **options: Unpack[Options]) -> Provider:
    """Return the provider, not started; `auto` is openai where a key is set, else local.

    Raises `KeyError` for a name that is none, and `ValueError` for openai without a key.
    """
    if provider == AUTO:
        provider = "openai" if options["openai_api_key"] else "local"
    return PROVIDERS[provider](options)
