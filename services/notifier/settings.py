"""What the notifier is told by its environment."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from services.notifier.limits import Limits
from shared.settings import DAY_S, ClientSettings, Port


class NotifierSettings(ClientSettings):
    """The notifier's settings."""

    port: Port = Field(8889, validation_alias="TAGLINE_NOTIFIER_PORT")
    grace_s: float = Field(10, ge=0, le=DAY_S, validation_alias="TAGLINE_GRACE_S")
    """How long a stopping notifier waits for its sockets to close."""

    max_sockets: int = Field(20_000, ge=1, validation_alias="TAGLINE_MAX_SOCKETS")
    max_sockets_per_key: int = Field(2_000, ge=1, validation_alias="TAGLINE_MAX_SOCKETS_PER_KEY")
    connects_per_s: int = Field(250, ge=1, validation_alias="TAGLINE_CONNECTS_PER_S")
    home_lane: int | None = Field(None, ge=0, validation_alias="TAGLINE_HOME_LANE")
    """The lane of the sockets that are new here; by chance if not given."""

    @model_validator(mode="after")
    def _home_lane_is_a_lane(self) -> Self:
        if self.home_lane is not None and self.home_lane >= self.lanes:
            raise ValueError("TAGLINE_HOME_LANE must be below PROGRESS_LANES")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(
            max_sockets=self.max_sockets,
            max_sockets_per_key=self.max_sockets_per_key,
            connects_per_s=self.connects_per_s,
        )
