"""What the gateway is told by its environment."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from services.gateway.addresses import Network
from shared.serve import IDLE_S
from shared.settings import ClientSettings, Port


class GatewaySettings(ClientSettings):
    """The gateway's settings."""

    port: Port = Field(8888, validation_alias="TAGLINE_GATEWAY_PORT")
    blob_url: str = Field("file://var/blobs", validation_alias="TAGLINE_BLOB_URL")
    max_upload_bytes: int = Field(20 * 2**20, ge=1, validation_alias="TAGLINE_MAX_UPLOAD_BYTES")
    """Most bytes of one photo."""

    max_pixels: int = Field(67_108_864, ge=1, validation_alias="TAGLINE_MAX_PIXELS")
    max_batch: int = Field(100, ge=1, le=1000, validation_alias="TAGLINE_MAX_BATCH")
    """Most photos of one request."""

    thumbnailers: int = Field(2, ge=1, le=64, validation_alias="TAGLINE_THUMBNAILERS")
    """Child processes that make thumbnails; they start when they are first needed."""

    rate_limit: int = Field(0, ge=0, le=1_000_000, validation_alias="TAGLINE_RATE_LIMIT")
    """Uploads a minute for one caller; 0: any number."""

    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), validation_alias="TAGLINE_TRUSTED_PROXIES"
    )
    """Whose word on `X-Forwarded-For` is taken."""

    max_uploads: int = Field(256, ge=1, validation_alias="TAGLINE_MAX_UPLOADS")
    """Uploads received at a time, by one gateway."""

    body_timeout_s: float = Field(30, gt=0, validation_alias="TAGLINE_BODY_TIMEOUT_S")
    """How long a client may send nothing of a body it has begun."""

    idle_timeout_s: float = Field(IDLE_S, gt=0, validation_alias="TAGLINE_IDLE_TIMEOUT_S")
    """How long a connection may be without a request, or with a part of one's header."""

    grace_s: float = Field(10, ge=0, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping gateway waits for the requests under way."""

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _listed_networks(cls, text: object) -> object:
        if not isinstance(text, str):
            return text
        parts = filter(None, (part.strip() for part in text.split(",")))
        try:
            return tuple(ip_network(part) for part in parts)
        except ValueError as error:
            raise ValueError(f"must be addresses or networks, comma-separated: {error}") from None
