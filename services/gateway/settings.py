"""What the gateway is told by its environment."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from services.gateway.addresses import Network
from shared.addresses import is_web_address
from shared.serve import IDLE_S
from shared.settings import DAY_S, ClientSettings, PhotoSettings, Port, listed


class GatewaySettings(ClientSettings, PhotoSettings):
    """The gateway's settings."""

    port: Port = Field(8888, validation_alias="TAGLINE_GATEWAY_PORT")
    max_upload_bytes: int = Field(20 * 2**20, ge=1, validation_alias="TAGLINE_MAX_UPLOAD_BYTES")
    """Most bytes of one photo."""

    max_side: int = Field(32_768, ge=1, validation_alias="TAGLINE_MAX_SIDE")
    """Most pixels of a photo's longest side."""

    max_batch: int = Field(100, ge=1, le=1000, validation_alias="TAGLINE_MAX_BATCH")
    """Most photos of one request."""

    min_free_bytes: int = Field(256 * 2**20, ge=0, validation_alias="TAGLINE_MIN_FREE_BYTES")
    """What stays free on the file system of the blobs' folder: with less, no photo is taken."""

    page_dir: Path = Field(Path("web/dist"), validation_alias="TAGLINE_PAGE_DIR")
    """Where the built page is; it may be absent."""

    public_notifier_url: str = Field(
        "http://127.0.0.1:8889", validation_alias="TAGLINE_PUBLIC_NOTIFIER_URL"
    )
    """Where browsers reach the notifier."""

    thumbnailers: int = Field(2, ge=1, le=64, validation_alias="TAGLINE_THUMBNAILERS")
    """Child processes that make thumbnails; they start when they are first needed."""

    rate_limit: int = Field(0, ge=0, le=1_000_000, validation_alias="TAGLINE_RATE_LIMIT")
    """Uploads a minute for one caller; 0: any number."""

    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), validation_alias="TAGLINE_TRUSTED_PROXIES"
    )
    """Whose word on `X-Forwarded-For` is taken."""

    max_uploads: int = Field(512, ge=1, validation_alias="TAGLINE_MAX_UPLOADS")
    """Uploads received at a time, by one gateway."""

    body_timeout_s: float = Field(30, gt=0, le=DAY_S, validation_alias="TAGLINE_BODY_TIMEOUT_S")
    """How long a client may send nothing of a body it has begun, or take nothing of an answer."""

    idle_timeout_s: float = Field(IDLE_S, gt=0, le=DAY_S, validation_alias="TAGLINE_IDLE_TIMEOUT_S")
    """How long a connection may be without a request, or with a part of one's header."""

    grace_s: float = Field(10, ge=0, le=DAY_S, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping gateway waits for the requests under way."""

    @field_validator("public_notifier_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if not is_web_address(url) or set(url) & set(" ;,'\"?#") or not url.isprintable():
            raise ValueError("must be an address such as https://events.photos.example")
        return url.rstrip("/")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _listed_networks(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        try:
            return tuple(ip_network(part) for part in listed(text))
        except ValueError as error:
            raise ValueError(f"must be addresses or networks, comma-separated: {error}") from None
