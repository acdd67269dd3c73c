"""What the notifier is told by its environment."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ClientSettings, Port


class NotifierSettings(ClientSettings):
    """The notifier's settings."""

    port: Port = Field(8889, validation_alias="TAGLINE_NOTIFIER_PORT")
    grace_s: float = Field(10, ge=0, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping notifier waits for its sockets to close."""
