"""What every service is told by its environment, and how it is read."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

import structlog
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.addresses import is_web_address
from shared.broker import check_url
from shared.callers import ApiKeys, NamedSecret, checked, read_key
from shared.key_file import read_keys
from shared.logging import Level
from shared.messages import Locale
from shared.origins import as_sent

logger = structlog.stdlib.get_logger()

Port = Annotated[int, Field(ge=0, le=65535)]

DAY_S: Final = 24 * 3600

MOST: Final = 2**53
"""Of any setting: what is larger scripts cannot count."""

MOST_PIXELS: Final = 2**31 - 1
"""Nothing decodes more."""


def listed(text: str) -> list[str]:
    """Return the comma-separated parts of `text`; those of nothing but blanks are none."""
    return [part for each in text.split(",") if (part := each.strip())]


class Settings(BaseSettings):
    """The settings all services share. A service adds its own in its `settings.py`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, allow_inf_nan=False
    )

    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    bind: str = Field("127.0.0.1", validation_alias="TAGLINE_BIND")
    log: Literal["console", "json"] | None = Field(None, validation_alias="TAGLINE_LOG")
    log_level: Level = Field("info", validation_alias="TAGLINE_LOG_LEVEL")
    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where spans are sent; none: there are none. OpenTelemetry reads it, and others, itself."""

    locale: Locale = Field("fr", validation_alias="TAGLINE_LOCALE")
    lanes: int = Field(16, ge=1, le=1024, validation_alias="PROGRESS_LANES")
    # Ten years: what is longer, the server's clock does not reach.
    retention_s: int = Field(600, ge=1, le=315_360_000, validation_alias="TAGLINE_RETENTION_S")

    @model_validator(mode="before")
    @classmethod
    def _text(cls, values: dict[str, object]) -> dict[str, object]:
        for name, value in values.items():
            # What is not in UTF-8 can be read, and then neither written nor sent.
            if isinstance(value, str) and value != value.encode(errors="replace").decode():
                raise ValueError(f"{name}: must be UTF-8")
        return values

    @field_validator("*")
    @classmethod
    def _countable(cls, value: object) -> object:
        if isinstance(value, int | float) and value > MOST:
            raise ValueError(f"must be at most {MOST}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        check_url(url)
        return url

    @field_validator("otlp_endpoint")
    @classmethod
    def _collector(cls, url: str | None) -> str | None:
        if url is not None and not is_web_address(url):
            raise ValueError("must be an address such as http://collector:4318")
        return url


class PhotoSettings(Settings):
    """Settings of the services that have the photos' bytes; all of them are to have the same."""

    blob_url: str = Field("file://var/blobs", validation_alias="TAGLINE_BLOB_URL")
    max_pixels: int = Field(67_108_864, ge=1, le=MOST_PIXELS, validation_alias="TAGLINE_MAX_PIXELS")


class ClientSettings(Settings):
    """Settings of the services that clients reach: who may come in, and from where."""

    api_keys: Annotated[tuple[NamedSecret, ...], NoDecode] = Field(
        (), validation_alias="TAGLINE_API_KEYS"
    )
    """None, and no file of them: no keys are asked for."""

    api_keys_file: Path | None = Field(None, validation_alias="TAGLINE_API_KEYS_FILE")
    """The same, a line each, and read again when it changes."""

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="TAGLINE_ALLOWED_ORIGINS"
    )
    """Origins besides the service's own host; `*` allows all."""

    @field_validator("api_keys", mode="before")
    @classmethod
    def _named_secrets(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        try:
            keys = checked([read_key(part) for part in listed(text)])
        except ValueError as error:
            raise ValueError(f"{error}; keys are comma-separated") from None
        if not keys:  # who sets it wants keys to be asked for
            raise ValueError("names no key: must be name:secret; keys are comma-separated")
        return keys

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _listed_origins(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        return tuple(part if part == "*" else as_sent(part) for part in listed(text))

    @field_validator("api_keys_file")
    @classmethod
    def _file_of_keys(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_keys(path)
        return path

    @model_validator(mode="after")
    def _keys_come_from_one_place(self) -> Self:
        if self.api_keys and self.api_keys_file:
            raise ValueError("give TAGLINE_API_KEYS or TAGLINE_API_KEYS_FILE, not both")
        return self

    def keys(self) -> ApiKeys:
        """Return the API keys that callers have to have."""
        return ApiKeys(read_keys(self.api_keys_file) if self.api_keys_file else self.api_keys)

    def warn_if_open(self) -> None:
        """Log a warning where whoever reaches this machine may do everything."""
        if not (self.api_keys or self.api_keys_file or _is_loopback(self.bind)):
            logger.warning(
                "open_to_the_network",
                bind=self.bind,
                why="no API keys: set TAGLINE_API_KEYS_FILE, or TAGLINE_BIND=127.0.0.1",
            )


def _is_loopback(bind: str) -> bool:
    try:
        return ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


S = TypeVar("S", bound=Settings)


def load(settings: type[S], **given: Any) -> S:
    """Read `settings` from the environment; a bad one is a line on stderr and exit code 2.

    `given`: values, by the names of their variables, that come before those of the environment.
    """
    try:
        return settings(**given)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in problem["loc"][:1])
            what = problem["msg"].removeprefix("Value error, ")
            print(f"{where + ': ' if where else ''}{what}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
