"""Holds the history of a run of the whole system against what it promises."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Final

from tests.chaos.check import MAX_DEATHS, Finding
from tests.chaos.system.events import in_order
from tests.chaos.system.frames import every_frame
from tests.chaos.system.history import Fields, History
from tests.chaos.system.plan import LIMITS_MB

FINALS: Final = {
    "photo:complete": "complete",
    "photo:error": "error",
    "photo:cancelled": "cancelled",
}
ENDED: Final = frozenset(FINALS.values())


def check(history: History) -> list[Finding]:
    """Return one finding for each promise of `PROMISES`."""
    return [promise(history) for promise in PROMISES]


def accepted_kept(history: History) -> Finding:
    gone = history.gone()
    accepted = {each for upload in history.uploads for answer in upload.accepted for each in answer}
    broken = []
    for each in sorted(accepted, key=lambda one: one.photo_id):
        photo = history.photos.get(each.photo_id)
        if photo is None:
            if each.photo_id not in gone:
                broken.append(f"photo {each.photo_id} was accepted and is not there")
        elif photo["filename"] != each.filename:
            broken.append(f"photo {each.photo_id} is not the one that was accepted")
    unknown = sum(not upload.accepted and upload.kind != "refused" for upload in history.uploads)
    return Finding(
        "what was answered with 202 is there",
        f"{len(accepted)} photos accepted, {len(gone)} of them removed, {unknown} uploads unknown",
        broken,
    )


def one_photo_a_key(history: History) -> Finding:
    broken = []
    by_digest: dict[str, list[int]] = defaultdict(list)
    for photo_id, photo in history.photos.items():
        by_digest[photo["sha256"]].append(photo_id)
    gone, repeats, sent = history.gone(), 0, set()
    for upload in history.uploads:
        sent |= set(upload.digests)
        repeats += max(0, len(upload.accepted) - 1) + len(upload.mismatched)
        ids = [photo_id for digest in upload.digests for photo_id in by_digest[digest]]
        if len(set(upload.accepted)) > 1:
            broken.append(f"one key was answered {upload.accepted}")
        if len(ids) > len(upload.digests):
            broken.append(f"one upload became the photos {ids}")
        removed = {each.photo_id for answer in upload.accepted for each in answer} & gone
        if ids and len({*ids, *removed}) < len(upload.digests):
            broken.append(f"of a batch of {len(upload.digests)} only {ids} are there")
        if upload.kind == "refused" and (ids or upload.accepted):
            broken.append(f"what is no photo became {ids}")
        broken += [f"other bytes were answered {s}" for s in upload.mismatched if s != 422]
    broken += [
        f"nobody sent photo {ids}" for digest, ids in by_digest.items() if digest not in sent
    ]
    return Finding(
        "one key is one photo, and a batch is all or nothing",
        f"{len(history.uploads)} uploads, repeated {repeats} times",
        broken,
    )


def ended_once(history: History) -> Finding:
    """Every record has ended, and each of its jobs by one event, the last of them as it stands."""
    broken = [
        f"photo {photo_id} is {photo['status']}"
        for photo_id, photo in history.photos.items()
        if photo["status"] not in ENDED
    ]
    sure, maybe = _retags(history)
    ends: Counter[str] = Counter()
    heard = set()
    for (socket_id, photo_id), events in history.by_socket_and_photo().items():
        finals = [told.event for told in events if told.event in FINALS]
        photo = history.photos.get(photo_id)
        if history.uploader_of(photo_id) == socket_id:
            heard.add(photo_id)
            ends.update(FINALS[final] for final in finals)
            least = 1 + sure[photo_id]
            if not least <= len(finals) <= least + maybe[photo_id]:
                names = [told.event for told in events]
                broken.append(f"photo {photo_id} had {least} jobs and {len(finals)} ends: {names}")
        if photo is not None and finals and FINALS[finals[-1]] != photo["status"]:
            broken.append(f"photo {photo_id} is {photo['status']}, and {finals[-1]} was told")
    broken += [f"nothing was told of photo {each}" for each in history.photos.keys() - heard]
    seen = ", ".join(f"{count} {status}" for status, count in sorted(ends.items()))
    return Finding("every photo ends, each of its jobs once", seen or "none", broken)


def _retags(history: History) -> tuple[Counter[int], Counter[int]]:
    """Return how often each photo was tagged again, and how often it may have been."""
    wanted = [order for order in history.orders if order.what == "retag"]
    sure = Counter(order.photo_id for order in wanted if order.status == 202)
    maybe = Counter(order.photo_id for order in wanted if order.status is None)
    return sure, maybe


def tags_where_complete(history: History) -> Finding:
    """A photo has the AI's tags exactly if a job of it was complete, and those last told.

    Given tags by hand it keeps these, and may have lost the others.
    """
    told = _last_told(history)
    edited = {order.photo_id for order in history.orders if order.what == "edit"}
    broken, tagged = [], 0
    for photo_id, photo in history.photos.items():
        names = _names(photo, "tags")
        tagged += bool(names)
        if photo_id in edited:
            if names and photo_id not in told:
                broken.append(f"photo {photo_id} was never complete and has the tags {names}")
        elif names != told.get(photo_id, set()):
            broken.append(f"photo {photo_id} has the tags {names}; told: {told.get(photo_id)}")
        elif photo["status"] == "complete" and not names:
            broken.append(f"photo {photo_id} is complete, with no tags")
    for order in history.orders:
        photo_there = history.photos.get(order.photo_id)
        if order.what == "edit" and order.status == 200 and photo_there is not None:
            given = _names(photo_there, "user_tags")
            if given != set(order.tags):
                broken.append(f"photo {order.photo_id} was given {order.tags} and has {given}")
    return Finding("tags are exactly where a photo was complete", f"{tagged} photos tagged", broken)


def _last_told(history: History) -> dict[int, set[str]]:
    """Return the AI's tags by photo, as the last `photo:complete` told them."""
    return {
        told.data["photoId"]: {t["name"] for t in told.data["photo"]["tags"] if t["source"] == "ai"}
        for events in history.by_socket_and_photo().values()
        for told in events
        if told.event == "photo:complete"
    }


def _names(photo: Fields, field: str) -> set[str]:
    return {tag["name"] for tag in json.loads(photo.get(field, "[]"))}


def cancels_are_true(history: History) -> Finding:
    """A cancel answered with 202 is the end of the job; one with 409 changed nothing."""
    unknown = {o.photo_id for o in history.orders if o.what == "cancel" and o.status is None}
    retagged = {o.photo_id for o in history.orders if o.what == "retag"}
    counts: Counter[int] = Counter()
    broken = []
    for order in history.orders:
        if order.what != "cancel" or order.status is None:
            continue
        counts[order.status] += 1
        photo = history.photos.get(order.photo_id)
        if photo is None or order.photo_id in unknown | retagged:
            continue
        if (order.status == 202) != (photo["status"] == "cancelled"):
            broken.append(f"photo {order.photo_id} is {photo['status']} after {order.status}")
    seen = ", ".join(f"{count} answered {status}" for status, count in sorted(counts.items()))
    return Finding("a cancel's answer is true", seen or "none", broken)


def never_nowhere(history: History) -> Finding:
    return Finding(
        "a photo that has not ended has one message, at every moment",
        f"looked at {history.samples} times",
        [*history.stranded],
    )


def deaths_bounded(history: History) -> Finding:
    broken = [
        f"job {letter.job_id}: {letter.reason} after {letter.deaths} deaths"
        for letter in history.letters
        if (letter.reason == "poison") != (letter.deaths >= MAX_DEATHS)
    ]
    for job_id, deaths in history.deaths.items():
        if history.held is not None and deaths > history.held.get(job_id, 0):
            held = history.held.get(job_id, 0)
            broken.append(
                f"job {job_id} had {deaths} deaths on its account, and was held at {held}"
            )
    broken += [
        f"{n} workers died of {digest}" for digest, n in history.met.items() if n > MAX_DEATHS
    ]
    poison = {
        digest for each in history.uploads if each.kind == "poison" for digest in each.digests
    }
    by_digest = {photo["sha256"]: photo for photo in history.photos.values()}
    for digest in poison & by_digest.keys():
        photo = by_digest[digest]
        code = json.loads(photo.get("error", "{}")).get("code")
        if (photo["status"], code) != ("error", "poison"):
            broken.append(f"poison ended as {photo['status']}, {code}")
    others = sum(letter.reason == "poison" for letter in history.letters) - len(poison)
    return Finding(
        f"whoever's workers died {MAX_DEATHS} times is poison, and nothing else",
        f"{sum(history.met.values())} workers died of {len(poison)} photos;"
        f" {max(0, others)} bystanders died {MAX_DEATHS} times",
        broken,
    )


def at_rest(history: History) -> Finding:
    seen = ", ".join(f"{count} {place}" for place, count in history.left.items())
    broken = [f"{count} {place}" for place, count in history.left.items() if count]
    return Finding("at rest nothing waits, is held, leased or staged", seen, broken)


def blobs_are_records(history: History) -> Finding:
    named = {photo["filename"] for photo in history.photos.values()}
    broken = [f"{name} is a record without a blob" for name in sorted(named - history.originals)]
    broken += [f"{name} is a blob without a record" for name in sorted(history.originals - named)]
    broken += [f"{name} has a thumbnail only" for name in sorted(history.thumbnails - named)]
    return Finding(
        "the blobs are the records'",
        f"{len(history.originals)} originals, {len(history.thumbnails)} with thumbnails",
        broken,
    )


def indexes_agree(history: History) -> Finding:
    broken = [history.disagreement] if history.disagreement else []
    return Finding("every index agrees with the records", f"{len(history.photos)} records", broken)


def within_memory(history: History) -> Finding:
    peaks = sorted(history.peaks_mb.items())
    broken = [
        f"a {kind} took {mb:.0f} MB of {LIMITS_MB[kind]}"
        for kind, mb in peaks
        if mb > LIMITS_MB[kind]
    ]
    seen = ", ".join(f"{kind} {mb:.0f} MB of {LIMITS_MB[kind]}" for kind, mb in peaks)
    return Finding("no process takes more than its memory", seen, broken)


def recovered_in_time(history: History) -> Finding:
    slowest: dict[str, list[float]] = defaultdict(list)
    for each in history.recoveries:
        slowest[each.what].append(each.took_s)
    limit_s = history.recovery_s
    broken = [
        f"{each.what}: {each.took_s:.2f} s"
        for each in history.recoveries
        if limit_s is not None and each.took_s > limit_s
    ]
    seen = ", ".join(f"{what} {max(t):.2f} s (of {len(t)})" for what, t in sorted(slowest.items()))
    judged = "in time" if limit_s is None else f"within {limit_s:g} s"
    return Finding(f"what a fault stopped goes on {judged}", f"slowest: {seen or 'none'}", broken)


def in_order_when_told(history: History) -> Finding:
    return Finding(
        "processes end in order when told to, and no answer is a fault of ours",
        f"{len(history.misbehaved)} did not",
        [*history.misbehaved],
    )


PROMISES: Final[tuple[Callable[[History], Finding], ...]] = (
    accepted_kept,
    one_photo_a_key,
    ended_once,
    tags_where_complete,
    cancels_are_true,
    never_nowhere,
    in_order,
    every_frame,
    deaths_bounded,
    at_rest,
    blobs_are_records,
    indexes_agree,
    within_memory,
    recovered_in_time,
    in_order_when_told,
)
