"""Every Redis key but the broker's. `docs/redis.md` says what each one holds.

All of one shard's keys carry its hash tag, so that one script can change several
of them, on a cluster too. There is one shard, 0.
"""

from __future__ import annotations

import re
import secrets

SHARD = "{tagline:0}"
"""The hash tag of shard 0; the prefix of its keys, and the broker's namespace."""

TAGGING_QUEUE = "tagging"
"""The queue that carries photos from the gateway to the taggers."""

SOCKET_ID_PATTERN = r"(0|[1-9][0-9]{0,3})-[A-Za-z0-9_-]{22,64}"
_SOCKET_ID = re.compile(SOCKET_ID_PATTERN)


def photo(photo_id: int) -> str:
    return f"{SHARD}:photo:{photo_id}"


def photo_sequence() -> str:
    return f"{SHARD}:photo-sequence"


def photos(owner: str) -> str:
    """The index of one owner's photos, by id; the owner is `` where no keys are configured."""
    return f"{SHARD}:photos:{owner}"


def status(owner: str, status: str) -> str:
    """The index of one owner's photos of a status, by id."""
    return f"{SHARD}:status:{owner}:{status}"


def unfinished() -> str:
    return f"{SHARD}:unfinished"


def files() -> str:
    return f"{SHARD}:files"


def answer(owner: str, idempotency_key: str) -> str:
    return f"{SHARD}:answer:{owner}:{idempotency_key}"


def watched(socket_id: str) -> str:
    return f"{SHARD}:watched:{socket_id}"


def job(job_id: str) -> str:
    return f"{SHARD}:job:{job_id}"


def job_sequence() -> str:
    return f"{SHARD}:job-sequence"


def jobs(owner: str, state: str) -> str:
    """The index of one owner's jobs of a state, by the order in which they came."""
    return f"{SHARD}:jobs:{owner}:{state}"


def due() -> str:
    return f"{SHARD}:due"


def line() -> str:
    return f"{SHARD}:line"


def working() -> str:
    return f"{SHARD}:working"


def durations() -> str:
    return f"{SHARD}:durations"


def batch(batch_id: str) -> str:
    return f"{SHARD}:batch:{batch_id}"


def tag_sequence() -> str:
    return f"{SHARD}:tag-sequence"


def tag_names(locale: str) -> str:
    return f"{SHARD}:tag-names:{locale}"


def tag_labels(locale: str) -> str:
    return f"{SHARD}:tag-labels:{locale}"


def tag_starts(locale: str) -> str:
    """The names of tags as they are searched for, by id."""
    return f"{SHARD}:tag-starts:{locale}"


def tag_photos(owner: str, tag_id: int) -> str:
    return f"{SHARD}:tag:{owner}:{tag_id}"


def tag_counts(owner: str) -> str:
    return f"{SHARD}:tag-counts:{owner}"


def tag_index(owner: str) -> str:
    return f"{SHARD}:tag-index:{owner}"


def similar(owner: str, part: str) -> str:
    """The photos of an owner that share a quarter of their perceptual hash: `<quarter><digits>`."""
    return f"{SHARD}:similar:{owner}:{part}"


def statistics(minute: int) -> str:
    return f"{SHARD}:statistics:{minute}"


def owner_statistics(owner: str, minute: int) -> str:
    return f"{SHARD}:owner-statistics:{owner}:{minute}"


def counted(call_id: str) -> str:
    return f"{SHARD}:counted:{call_id}"


def line_lock() -> str:
    return f"{SHARD}:line-lock"


def reconciler_lock() -> str:
    return f"{SHARD}:reconciler-lock"


def lane(number: int) -> str:
    return f"{SHARD}:progress:{number}"


def sockets() -> str:
    """How many sockets each notifier holds."""
    return f"{SHARD}:sockets"


def stages() -> str:
    return f"{SHARD}:stages"


def rate(caller: str) -> str:
    """How fast a caller uploads; a key's name or an address."""
    return f"{SHARD}:rate:{caller}"


def gates() -> str:
    return f"{SHARD}:gates"


def gate(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}"


def gate_calls(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}:calls"


def gate_waiting(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}:waiting"


def gate_heard(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}:heard"


def gate_minute(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}:minute"


def gate_costs(endpoint: str) -> str:
    return f"{SHARD}:gate:{endpoint}:costs"


def spending() -> str:
    return f"{SHARD}:spending"


def spent(day: int) -> str:
    """What calls cost on a day, counted from 1970-01-01, UTC."""
    return f"{SHARD}:spent:{day}"


def spent_in_all() -> str:
    return f"{SHARD}:spent"


def owner_spent(owner: str, day: int) -> str:
    return f"{SHARD}:owner-spent:{owner}:{day}"


def owner_spent_in_all(owner: str) -> str:
    return f"{SHARD}:owner-spent:{owner}"


def recognition(digest: str) -> str:
    return f"{SHARD}:recognition:{digest}"


def recognizing(digest: str) -> str:
    return f"{SHARD}:recognizing:{digest}"


def facts(sha256: str) -> str:
    return f"{SHARD}:facts:{sha256}"


def sweep_lock() -> str:
    return f"{SHARD}:sweep-lock"


def new_socket_id(lane_number: int) -> str:
    """A socket ID on `lane_number`, with 144 random bits: who holds it, may name it."""
    return f"{lane_number}-{secrets.token_urlsafe(18)}"


def lane_of(socket_id: str, *, lanes: int) -> int | None:
    """The lane that carries the events of `socket_id`; None if it is no socket ID of ours."""
    match = _SOCKET_ID.fullmatch(socket_id)
    if match is None or (number := int(match.group(1))) >= lanes:
        return None
    return number
