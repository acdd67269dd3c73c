"""What every service is told by its environment, and how it is read."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.broker import check_url

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """The settings all services share. A service adds its own in its `settings.py`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    redis_url: str = Field("redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    bind: str = Field("127.0.0.1", validation_alias="TAGLINE_BIND")
    log: Literal["console", "json"] | None = Field(None, validation_alias="TAGLINE_LOG")
    locale: Literal["fr", "en"] = Field("fr", validation_alias="TAGLINE_LOCALE")
    lanes: int = Field(16, ge=1, le=1024, validation_alias="PROGRESS_LANES")
    retention_s: int = Field(600, ge=1, validation_alias="TAGLINE_RETENTION_S")

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        check_url(url)
        return url


class ClientSettings(Settings):
    """Settings of the services that clients reach: who may come in, and from where."""

    api_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        default_factory=dict, validation_alias="TAGLINE_API_KEYS"
    )
    """Secret by name of the key; empty: no keys are asked for."""

    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), validation_alias="TAGLINE_ALLOWED_ORIGINS"
    )
    """Origins besides the service's own host; `*` allows all."""

    @field_validator("api_keys", mode="before")
    @classmethod
    def _named_secrets(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        keys: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, colon, secret = part.partition(":")
            if not (name and colon and secret):
                # The part itself is not shown: it may be a secret.
                raise ValueError("must be name:secret, comma-separated")
            if name in keys:
                raise ValueError(f"names the key {name!r} twice")
            keys[name] = secret
        return keys

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _listed_origins(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        origins = tuple(filter(None, (part.strip().rstrip("/") for part in text.split(","))))
        for origin in origins:
            if origin != "*" and not urlsplit(origin).netloc:
                raise ValueError(f"{origin!r} is no origin such as https://photos.example")
        return origins

    @model_validator(mode="after")
    def _secrets_differ(self) -> Self:
        secrets = [key.get_secret_value() for key in self.api_keys.values()]
        if len(set(secrets)) != len(secrets):
            raise ValueError("TAGLINE_API_KEYS gives two names the same secret")
        return self


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
