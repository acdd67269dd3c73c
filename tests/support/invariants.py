"""What holds in Redis whenever nothing moves: every index says what the records say.

check(client)                      # after a chaos run, say
check(client, restarted={3, 4})    # photos tagged or tried again, then removed
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import redis

from shared import keys
from shared.commands import TAGGING
from tests.support.lanes import check_events

PREFIX = f"{keys.SHARD}:"
STATES = {
    "queued": {"waiting", "delayed"},
    "processing": {"active"},
    "complete": {"complete"},
    "error": {"dead"},
    "cancelled": {"cancelled"},
}
LISTED = {"waiting", "active", "delayed", "dead"}
ENDED = {"complete", "error", "cancelled"}
COUNTED = {"complete": "complete", "error": "failed", "cancelled": "cancelled"}
RANKS = {"high": 0, "normal": 1, "low": 2}

Fields = dict[str, str]


@dataclass
class State:
    """All that Redis holds, without the prefix of the shard."""

    photos: dict[int, Fields] = field(default_factory=dict)
    jobs: dict[str, Fields] = field(default_factory=dict)
    batches: dict[str, Fields] = field(default_factory=dict)
    ttls: dict[str, int] = field(default_factory=dict)
    sets: dict[str, dict[str, float]] = field(default_factory=dict)
    """The sorted sets, by key, and the sets, whose members all have the score 0."""

    files: Fields = field(default_factory=dict)
    labels: dict[str, Fields] = field(default_factory=dict)
    starts: dict[str, Fields] = field(default_factory=dict)
    names: dict[str, Fields] = field(default_factory=dict)
    """The names of tags, by locale."""

    lanes: list[list[tuple[str, Fields]]] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    """How many messages each job has, in the streams and among the delayed."""

    letters: dict[str, str] = field(default_factory=dict)
    """The job of each dead letter that is a message of ours."""

    def of(self, *starts: str) -> dict[str, dict[str, float]]:
        """Return the sorted sets whose keys begin with one of `starts`, by the rest."""
        return {
            key.removeprefix(start): members
            for start in starts
            for key, members in self.sets.items()
            if key.startswith(start)
        }


def check(client: redis.Redis, *, restarted: Collection[int] = ()) -> None:
    """Raise `AssertionError` where an index and the records, or two events, do not agree.

    Nothing may move meanwhile. `restarted`: photos whose work was begun again after an end and
    of which nothing tells that any more.
    """
    state = read(client)
    _check_photos(state)
    _check_jobs(state)
    _check_work(state)
    _check_tags(state)
    _check_similar(state)
    _check_batches(state)
    again = {photo_id for photo_id, photo in state.photos.items() if _restarted(state, photo)}
    statuses = {photo_id: photo["status"] for photo_id, photo in state.photos.items()}
    again.update(restarted)
    batches = {
        batch_id
        for batch_id, batch in state.batches.items()
        if again.intersection(map(int, batch["photos"].split()))
    }
    check_events(state.lanes, statuses, restarted=again, restarted_batches=batches)


def _restarted(state: State, photo: Fields) -> bool:
    return "fresh" in photo or "revived_by" in state.jobs.get(photo["job_id"], {})


def _check_photos(state: State) -> None:
    owners: dict[str, dict[str, float]] = {}
    statuses: dict[str, dict[str, float]] = {}
    for photo_id, photo in state.photos.items():
        assert photo["id"] == str(photo_id)
        owners.setdefault(photo["owner"], {})[photo["id"]] = photo_id
        statuses.setdefault(f"{photo['owner']}:{photo['status']}", {})[photo["id"]] = photo_id
    assert state.of("photos:") == owners
    assert state.of("status:") == statuses
    assert state.files == {photo["filename"]: photo["id"] for photo in state.photos.values()}


def _check_jobs(state: State) -> None:
    listed: dict[str, dict[str, float]] = {}
    for job_id, job in state.jobs.items():
        assert job["id"] == job_id
        photo = state.photos.get(int(job["photo_id"]))
        assert photo is not None, f"job {job_id} is left of photo {job['photo_id']}, which is gone"
        assert job["owner"] == photo["owner"]
        if photo["job_id"] != job_id:
            assert job_id in photo["earlier_jobs"].split()
            assert job["state"] in {"complete", "cancelled"}, f"job {job_id} is over"
        if job["state"] in LISTED:
            index = listed.setdefault(f"{job['owner']}:{job['state']}", {})
            index[job_id] = float(job["sequence"])
        kept = job["state"] in LISTED
        assert (state.ttls[f"job:{job_id}"] == -1) == kept, f"job {job_id} is kept: {not kept}"
    assert state.of("jobs:") == listed
    for photo in state.photos.values():
        found = state.jobs.get(photo["job_id"])
        assert found is not None or photo["status"] in ENDED
        assert found is None or found["state"] in STATES[photo["status"]]
    letters = {job["letter"]: job["id"] for job in state.jobs.values() if "letter" in job}
    assert state.letters == letters


def _check_work(state: State) -> None:
    unfinished = {p["id"] for p in state.photos.values() if p["status"] not in ENDED}
    working = {p["id"] for p in state.photos.values() if p["status"] == "processing"}
    assert set(state.sets.get("unfinished", ())) == unfinished
    assert set(state.sets.get("working", ())) == working
    waiting = [job for job in state.jobs.values() if job["state"] == "waiting"]
    line = {j["photo_id"]: RANKS[j["priority"]] * 2.0**44 + int(j["sequence"]) for j in waiting}
    assert state.sets.get("line", {}) == line
    delayed = [job for job in state.jobs.values() if job["state"] == "delayed"]
    assert state.sets.get("due", {}) == {j["id"]: float(j["due_at_ms"]) for j in delayed}
    for photo_id in unfinished:
        job_id = state.photos[int(photo_id)]["job_id"]
        assert state.messages[job_id] == 1, (
            f"job {job_id} of photo {photo_id} has {state.messages[job_id]} messages"
        )


def _check_tags(state: State) -> None:
    tagged: dict[str, dict[str, float]] = {}
    for photo_id, photo in state.photos.items():
        ids = orjson.loads(photo.get("tag_ids", "[]"))
        carried = [
            *orjson.loads(photo.get("user_tags", "[]")),
            *orjson.loads(photo.get("tags", "[]")),
        ]
        assert set(ids) == {tag["id"] for tag in carried}
        for tag_id in ids:
            tagged.setdefault(f"{photo['owner']}:{tag_id}", {})[photo["id"]] = photo_id
    assert state.of("tag:") == tagged
    counts: dict[str, dict[str, float]] = {}
    for key, members in tagged.items():
        owner, _, tag_id = key.rpartition(":")
        counts.setdefault(owner, {})[tag_id] = float(len(members))
    assert state.of("tag-counts:") == counts
    names = state.of("tag-index:")
    assert set(names) == set(counts)
    for owner, index in names.items():
        named = [member.rpartition("\0") for member in index]
        assert {tag_id for _, _, tag_id in named} == set(counts[owner])
        for name, _, tag_id in named:
            assert name in {starts.get(tag_id) for starts in state.starts.values()}
    for locale, named_ids in state.names.items():
        for tag_id in named_ids.values():
            assert state.labels[locale][tag_id], (
                f"tag {tag_id} has a name in {locale}, and no label"
            )
        assert set(state.starts[locale]) == set(state.labels[locale])


def _check_similar(state: State) -> None:
    similar: dict[str, dict[str, float]] = {}
    for photo in state.photos.values():
        hash_ = photo.get("phash", "")
        for start in range(0, len(hash_), 4):
            part = f"{photo['owner']}:{start // 4}{hash_[start : start + 4]}"
            similar.setdefault(part, {})[photo["id"]] = 0.0
    assert state.of("similar:") == similar


def _check_batches(state: State) -> None:
    for batch_id, batch in state.batches.items():
        ids = [int(photo_id) for photo_id in batch["photos"].split()]
        assert int(batch["total"]) == len(ids)
        there = [state.photos[photo_id] for photo_id in ids if photo_id in state.photos]
        assert all(photo["batch_id"] == batch_id for photo in there)
        for photo in there:
            assert photo["batch_open"] == ("0" if photo["status"] in ENDED else "1")
        ends = Counter(photo["status"] for photo in there)
        beyond = {status: int(batch[name]) - ends[status] for status, name in COUNTED.items()}
        # Of those removed it is only known that they were counted, once each.
        assert all(number >= 0 for number in beyond.values()), f"batch {batch_id}: {beyond}"
        assert sum(beyond.values()) == len(ids) - len(there)
        over = sum(int(batch[name]) for name in COUNTED.values()) == len(ids)
        assert (state.ttls[f"batch:{batch_id}"] > 0) == over


def read(client: Any) -> State:
    """Read all of it; nothing may move meanwhile."""
    state = State()
    found = sorted(key.decode() for key in client.scan_iter(f"{PREFIX}*", count=1000))
    for start, read in _READERS.items():
        named = [key for key in found if _is(key.removeprefix(PREFIX), start)]
        with client.pipeline(transaction=False) as pipeline:
            for key in named:
                read(pipeline, key)
            for key, value in zip(named, pipeline.execute(), strict=True):
                _note(state, key.removeprefix(PREFIX), value)
    held = [f"{PREFIX}job:{job_id}" for job_id in state.jobs]
    held += [f"{PREFIX}batch:{batch_id}" for batch_id in state.batches]
    with client.pipeline(transaction=False) as pipeline:
        for key in held:
            pipeline.pttl(key)
        ttls = pipeline.execute()
    state.ttls = {key.removeprefix(PREFIX): ttl for key, ttl in zip(held, ttls, strict=True)}
    for job_id in _messages(client):
        state.messages[job_id] += 1
    for letter, fields in client.xrange(TAGGING.dead):
        if fields.get(b"reason") != b"undecodable":
            state.letters[letter.decode()] = _job_of(fields[b"m"])
    return state


def _is(key: str, kind: str) -> bool:
    return key.startswith(kind) if kind.endswith(":") else key == kind


def _hash(pipeline: Any, key: str) -> None:
    pipeline.hgetall(key)


def _sorted_set(pipeline: Any, key: str) -> None:
    pipeline.zrange(key, 0, -1, withscores=True)


def _set(pipeline: Any, key: str) -> None:
    pipeline.smembers(key)


def _stream(pipeline: Any, key: str) -> None:
    pipeline.xrange(key)


_SETS = ("photos:", "status:", "jobs:", "tag:", "tag-counts:", "tag-index:")
_NAMES = ("tag-labels:", "tag-starts:", "tag-names:")
_READERS = {
    **dict.fromkeys(("photo:", "job:", "batch:", "files", *_NAMES), _hash),
    **dict.fromkeys((*_SETS, "unfinished", "working", "line", "due"), _sorted_set),
    "similar:": _set,
    "progress:": _stream,
}


def _note(state: State, key: str, value: Any) -> None:
    kind, _, rest = key.partition(":")
    match kind:
        case "photo":
            state.photos[int(rest)] = _text(value)
        case "job":
            state.jobs[rest] = _text(value)
        case "batch":
            state.batches[rest] = _text(value)
        case "files":
            state.files = _text(value)
        case "tag-labels":
            state.labels[rest] = _text(value)
        case "tag-starts":
            state.starts[rest] = _text(value)
        case "tag-names":
            state.names[rest] = _text(value)
        case "progress":
            state.lanes.append([(entry.decode(), _text(fields)) for entry, fields in value])
        case "similar":
            state.sets[key] = {member.decode(): 0.0 for member in value}
        case _:
            state.sets[key] = {member.decode(): score for member, score in value}


def _text(raw: dict[bytes, bytes]) -> Fields:
    return {name.decode(): value.decode() for name, value in raw.items()}


def _messages(client: Any) -> Iterator[str]:
    """Yield the job of each message."""
    streamed = itertools.chain.from_iterable(client.xrange(each) for each in TAGGING.streams)
    yield from (_job_of(fields[b"m"]) for _, fields in streamed)
    yield from (
        _job_of(member.split(b":", 2)[2]) for member in client.zrange(TAGGING.delayed, 0, -1)
    )


def _job_of(message: bytes) -> str:
    return str(orjson.loads(message)["kwargs"]["job_id"])
