"""What models cost, as far as it is known here, and how settings say it of others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from services.tagger.providers.provider import FREE, Price
from shared.settings import listed

KNOWN: Final[Mapping[str, Price]] = {
    "gpt-4o-mini": Price(0.15, 0.60, 0.075),
    "gpt-4o": Price(2.50, 10.00, 1.25),
    "gpt-4o-2024-05-13": Price(5.00, 15.00),
    "gpt-4.1": Price(2.00, 8.00, 0.50),
    "gpt-4.1-mini": Price(0.40, 1.60, 0.10),
    "gpt-4.1-nano": Price(0.10, 0.40, 0.025),
}
"""By model: OpenAI's list at openai.com/api/pricing, standard tier, as of August 2026."""

_DATED: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_NUMBERS: Final = (2, 3)


def price_of(
    model: str,
    prices: Mapping[str, Price],
    *,
    input_usd: float | None = None,
    output_usd: float | None = None,
) -> Price:
    """Return the price of `model`: as in `prices`, else as known, else nothing.

    A dated model (`gpt-4o-mini-2024-07-18`) costs what the undated one does, unless it is listed.
    `input_usd` and `output_usd` go before either; with the first, all of a prompt costs it.
    """
    undated = _DATED.sub("", model)
    found = next(
        (table[name] for table in (prices, KNOWN) for name in (model, undated) if name in table),
        FREE,
    )
    return Price(
        found.input_usd if input_usd is None else input_usd,
        found.output_usd if output_usd is None else output_usd,
        found.cached_usd if input_usd is None else None,
    )


def parsed(text: str) -> dict[str, Price]:
    """Return the prices of `model=input/output`, comma-separated, US dollars a million tokens.

    A third number is the price of what the provider had read before. Raises `ValueError`.
    """
    prices: dict[str, Price] = {}
    for part in listed(text):
        # A model's own name may hold colons and slashes.
        model, _, amounts = part.rpartition("=")
        model = model.strip()
        try:
            numbers = [float(amount) for amount in amounts.split("/")]
        except ValueError:
            numbers = []
        well = len(numbers) in _NUMBERS and all(math.isfinite(n) and n >= 0 for n in numbers)
        if not (model and well):
            raise ValueError(f"{part!r} is no price such as gpt-4o-mini=0.15/0.60")
        if model in prices:
            raise ValueError(f"names the model {model!r} twice")
        prices[model] = Price(*numbers)
    return prices
