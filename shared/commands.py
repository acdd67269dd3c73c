"""The messages that one service sends another through the queue.

A change may only add fields with defaults: during an upgrade both versions run.
"""

from __future__ import annotations

from typing import Final

import orjson
from dramatiq import Message
from pydantic import BaseModel, ConfigDict, field_validator

from shared import tracing
from shared.broker import Entry, QueueKeys, entry_for
from shared.keys import SHARD, TAGGING_QUEUE

TAGGING: Final = QueueKeys.of(SHARD, TAGGING_QUEUE)
"""The keys of the queue."""

TAG_PHOTO: Final = "tag_photo"
"""Name of the actor that takes `TagPhoto`."""

PHOTO_ID_PLACEHOLDER: Final = '"$photo_id"'
"""Stands for the photo's id in an encoded message until the submit script knows it."""


class TagPhoto(BaseModel):
    """Tag a photo. From the gateway, to a tagger; one message is one job."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    photo_id: int
    job_id: str
    traceparent: str = ""
    """The trace it belongs to, if that is not the job's own; see `shared.tracing`."""

    @field_validator("traceparent")
    @classmethod
    def _well_formed(cls, text: str) -> str:
        return tracing.read(text)  # a photo does not fail for it


def tag_photo_entry(
    job_id: str, priority: str, photo_id: int | None = None, *, traceparent: str = ""
) -> Entry:
    """Return the queue entry of a `TagPhoto`.

    Without `photo_id`, because the photo has none yet, the message holds `PHOTO_ID_PLACEHOLDER`
    once, where the id belongs. Raises `ValueError` for a priority that there is not.
    """
    number = orjson.loads(PHOTO_ID_PLACEHOLDER) if photo_id is None else photo_id
    message: Message[None] = Message(
        queue_name=TAGGING_QUEUE,
        actor_name=TAG_PHOTO,
        args=(),
        kwargs={"version": 1, "photo_id": number, "job_id": job_id}
        | ({"traceparent": traceparent} if traceparent else {}),
        options={"priority": priority},
        message_id=job_id,
    )
    return entry_for(TAGGING, message)
