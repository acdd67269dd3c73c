"""Which provider a tagger uses. A new one is a line here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from services.tagger.providers.prices import price_of
from services.tagger.providers.provider import Price, Provider


def choose(
    provider: Literal["auto", "openai", "local"],
    *,
    openai_api_key: str | None,
    openai_base_url: str | None,
    openai_model: str,
    price_input_usd: float | None,
    price_output_usd: float | None,
    model_dir: Path,
    threads: int,
    prices: Mapping[str, Price] | None = None,
) -> Provider:
    """Return the provider, not started; `auto` is openai where a key is set, else local.

    Only what is chosen is imported: neither onnxruntime nor the SDK is small.
    Prices, of a million tokens, default to those of `prices`, by model, to what we know of the
    model, and else to nothing.
    Raises `ValueError` for openai without a key.
    """
    if provider == "openai" or (provider == "auto" and openai_api_key):
        if not openai_api_key:
            raise ValueError("TAGLINE_PROVIDER=openai needs OPENAI_API_KEY")
        from services.tagger.providers.openai import OpenAIProvider  # noqa: PLC0415

        return OpenAIProvider(
            api_key=openai_api_key,
            base_url=openai_base_url,
            model=openai_model,
            price=price_of(
                openai_model,
                prices or {},
                input_usd=price_input_usd,
                output_usd=price_output_usd,
            ),
        )
    from services.tagger.providers.local import LocalProvider  # noqa: PLC0415

    return LocalProvider(model_dir, threads=threads)
