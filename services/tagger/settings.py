"""What the tagger is told by its environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticUseDefault
from pydantic_settings import NoDecode

from services.tagger.providers import prices
from services.tagger.providers.choose import AUTO, PROVIDERS
from services.tagger.providers.provider import MOST_TAGS, Price
from services.tagger.rules import Rules, read_rules
from shared.addresses import is_web_address
from shared.settings import DAY_S, PhotoSettings, Port, listed

_VISIBLE: Final = re.compile(r"[!-~]+")


class TaggerSettings(PhotoSettings):
    """The tagger's settings."""

    port: Port = Field(9191, validation_alias="TAGLINE_TAGGER_PORT")
    cache_dir: Path = Field(Path("var/cache"), validation_alias="TAGLINE_CACHE_DIR")
    """Where the local model is kept once it has been converted."""

    pipeline: Annotated[tuple[str, ...], NoDecode] = Field(
        ("analyzing", "ai", "saving"), validation_alias="TAGLINE_PIPELINE"
    )
    """The stages, by name, in their order."""

    stages_dir: Path = Field(Path("stages"), validation_alias="TAGLINE_STAGES_DIR")
    """Where stages of one's own are looked for."""

    provider: str = Field(AUTO, validation_alias="TAGLINE_PROVIDER")
    """A name of `PROVIDERS`, or `auto`."""

    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    openai_model: str = Field("gpt-4o-mini", validation_alias="OPENAI_MODEL")

    prompt: str | None = Field(None, max_length=4000, validation_alias="TAGLINE_PROMPT")
    """What a remote model is to say of a photo, instead of our words."""

    price_input_usd: float | None = Field(None, ge=0, validation_alias="TAGLINE_PRICE_INPUT_USD")
    price_output_usd: float | None = Field(None, ge=0, validation_alias="TAGLINE_PRICE_OUTPUT_USD")
    """Of a million tokens; None: what `prices` says, or is known of the model."""

    prices: Annotated[dict[str, Price], NoDecode] = Field(
        default_factory=dict, validation_alias="TAGLINE_PRICES"
    )
    """By model; go before what is known."""

    daily_budget_usd: float = Field(
        0, ge=0, le=1_000_000, validation_alias="TAGLINE_DAILY_BUDGET_USD"
    )
    """What calls may cost in a day (UTC), over all taggers together; 0: anything."""

    budget_fallback: Literal["local"] | None = Field(
        None, validation_alias="TAGLINE_BUDGET_FALLBACK"
    )
    """Who is asked while the budget is spent; None: photos wait for the next day."""

    nice: int = Field(5, ge=0, le=19, validation_alias="TAGLINE_NICE")
    """By how much it stands back where there are not cores for all; its decoders do the same."""

    threads: int = Field(8, ge=1, le=1024, validation_alias="TAGLINE_THREADS")
    """Photos in work at a time, in one process."""

    processes: int = Field(1, ge=1, le=64, validation_alias="TAGLINE_PROCESSES")
    """Above 1, it runs as many whole taggers, and speaks for them: see `crew`."""

    max_calls: int = Field(0, ge=0, validation_alias="TAGLINE_MAX_CALLS")
    """Provider calls in flight, over all taggers together; 0: any number."""

    requests_per_minute: int = Field(0, ge=0, validation_alias="TAGLINE_REQUESTS_PER_MINUTE")
    tokens_per_minute: int = Field(0, ge=0, validation_alias="TAGLINE_TOKENS_PER_MINUTE")
    """Over all taggers together; 0: any number."""

    cache_ttl_s: int = Field(30 * 24 * 3600, ge=0, validation_alias="TAGLINE_CACHE_TTL_S")
    """How long a provider's answer is used again for the same photo; 0: never."""

    vocabulary: Annotated[Rules, NoDecode] = Field(Rules(), validation_alias="TAGLINE_VOCABULARY")
    """What the file named there says."""

    max_tags: int = Field(MOST_TAGS, ge=1, le=MOST_TAGS, validation_alias="TAGLINE_MAX_TAGS")
    """How many tags an analysis gives a photo."""

    min_confidence: float = Field(0, ge=0, le=1, validation_alias="TAGLINE_MIN_CONFIDENCE")
    """How sure a provider must be of a tag, where it says how sure it is."""

    decoders: int = Field(2, ge=1, le=64, validation_alias="TAGLINE_DECODERS")
    """Child processes that decode, for one process."""

    keep_place: bool = Field(True, validation_alias="TAGLINE_KEEP_PLACE")
    """Whether the record of a photo says where it was taken, if the file does."""

    max_attempts: int = Field(3, ge=1, validation_alias="TAGLINE_MAX_ATTEMPTS")
    claim_after_ms: int = Field(
        15_000, ge=100, le=DAY_S * 1000, validation_alias="TAGLINE_CLAIM_AFTER_MS"
    )
    attempt_timeout_s: float = Field(
        180, gt=0, le=DAY_S, validation_alias="TAGLINE_ATTEMPT_TIMEOUT_S"
    )
    """How long one attempt may take in all."""

    max_age_s: float = Field(0, ge=0, validation_alias="TAGLINE_MAX_AGE_S")
    """How long after it was accepted a photo is still begun; 0 is for ever."""

    grace_s: float = Field(10, ge=0, le=DAY_S, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping tagger goes on with what it has begun."""

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return read_rules(Path(value)) if isinstance(value, str) else value

    @field_validator("pipeline", mode="before")
    @classmethod
    def _listed_stages(cls, text: object) -> object:
        return tuple(listed(text)) if isinstance(text, str) else text

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, name: str) -> str:
        if name not in (known := (AUTO, *PROVIDERS)):
            raise ValueError(f"must be one of {', '.join(known)}")
        return name

    # A file or a secret often ends with a line break, which no header may hold.
    @field_validator("openai_api_key", "openai_base_url", "openai_model", mode="before")
    @classmethod
    def _without_blanks_around(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        if not (kept := text.strip()):
            raise PydanticUseDefault
        return kept

    @field_validator("openai_api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _VISIBLE.fullmatch(key.get_secret_value()):
            raise ValueError("must be of visible ASCII characters, without blanks between them")
        return key

    @field_validator("openai_base_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        # What is called is below it, and would come after a query or a fragment.
        if url is not None and (not is_web_address(url) or set(url) & set("?#")):
            raise ValueError("must be an address such as https://models.example/v1")
        return url

    @field_validator("prices", mode="before")
    @classmethod
    def _parsed_prices(cls, text: object) -> object:
        return prices.parsed(text) if isinstance(text, str) else text

    @model_validator(mode="after")
    def _openai_has_a_key(self) -> Self:
        if self.provider == "openai" and self.openai_api_key is None:
            raise ValueError("TAGLINE_PROVIDER=openai needs OPENAI_API_KEY")
        return self

    @model_validator(mode="after")
    def _fallback_has_a_budget(self) -> Self:
        if self.budget_fallback and not self.daily_budget_usd:
            raise ValueError("TAGLINE_BUDGET_FALLBACK needs TAGLINE_DAILY_BUDGET_USD")
        return self
