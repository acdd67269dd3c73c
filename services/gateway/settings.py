"""What the gateway is told by its environment."""

from __future__ import annotations

from pydantic import Field, field_validator

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

    rate_limit: int = Field(0, ge=0, validation_alias="TAGLINE_RATE_LIMIT")
    grace_s: float = Field(10, ge=0, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping gateway waits for the requests under way."""

    @field_validator("rate_limit")
    @classmethod
    def _not_offered(cls, limit: int) -> int:
        # Better no start than a limit that its owner believes in and that does not hold.
        if limit:
            raise ValueError("this version limits no rates; leave it at 0")
        return limit
