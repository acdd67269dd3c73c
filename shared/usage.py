"""What calls of providers have used and cost, as Redis keeps it and as clients see it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

NANOUSD_PER_USD = 1_000_000_000
"""Money is kept and summed in billionths of a US dollar, as integers."""


class Usage(BaseModel):
    """Tokens, in the provider's count, and what they cost, US dollars."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


def usage_of(fields: Mapping[str, str], of: str = "") -> Usage | None:
    """Return what a hash's fields say, None where no call has told; `of` ends their names."""
    prompt_tokens = int(fields.get(f"prompt_tokens{of}", "0"))
    completion_tokens = int(fields.get(f"completion_tokens{of}", "0"))
    if prompt_tokens + completion_tokens == 0:
        return None
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_usd=int(fields.get(f"cost_nanousd{of}", "0")) / NANOUSD_PER_USD,
    )
