"""The checker of the whole system finds each broken promise in a history made to break it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.system.check import PROMISES
from tests.chaos.system.history import History, Letter, Recovery, Told
from tests.chaos.system.notes import Accepted, Frame, Order, Upload

SOCKET = "3-socket"
OTHER = "3-other"
CAT = {"id": 1, "name": "chat", "confidence": 0.9, "source": "ai"}
ONE = Accepted(1, "job-1", "photo-1.png")
TWO = Accepted(2, "job-2", "photo-2.png")


def progress(photo: int, at: int, *, attempt: int = 1, job: str = "", stage: str = "ai") -> Any:
    data = {"photoId": photo, "jobId": job or f"job-{photo}", "stage": stage}
    return "photo:progress", {**data, "progress": at, "attempt": attempt}


def retrying(photo: int, attempt: int = 1) -> Any:
    return "photo:retrying", {"photoId": photo, "attempt": attempt}


def complete(photo: int, *, job: str = "") -> Any:
    told = {"jobId": job or f"job-{photo}", "tags": [CAT]}
    return "photo:complete", {"photoId": photo, "photo": told}


def cancelled(photo: int) -> Any:
    return "photo:cancelled", {"photoId": photo}


def failed(photo: int) -> Any:
    return "photo:error", {"photoId": photo, "code": "poison", "attempts": 3}


def lane(*events: Any, socket: str = SOCKET) -> list[Told]:
    """A lane that begins with an entry for nobody; its ids are 1-0, 2-0, …"""
    told = [("", "position", {}), *((socket, name, data) for name, data in events)]
    return [Told(f"{at}-0", *each) for at, each in enumerate(told, 1)]


def frames(entries: list[Told]) -> list[Frame]:
    """What a client is sent that is connected at the beginning of the lane, and not cut off."""
    first, *events = entries
    return [connected(first.id), *(Frame(told.id, told.event, told.data) for told in events)]


def connected(entry_id: str, *, resumed: bool = False, socket: str = SOCKET) -> Frame:
    return Frame(entry_id, "connected", {"socketId": socket, "resumed": resumed})


def record(number: int, **fields: str) -> dict[str, str]:
    photo = {
        "filename": f"photo-{number}.png",
        "sha256": f"digest-{number}",
        "status": "complete",
        "tags": json.dumps([CAT]),
    }
    return {**photo, **fields}


WORK = [progress(1, 10), progress(1, 30), progress(1, 100), complete(1)]


def history(*events: Any, **known: Any) -> History:
    """Photo 1 was uploaded and is complete, by these events, unless told otherwise."""
    entries = lane(*(events or WORK))
    whole = History(
        uploads=[Upload(("digest-1",), SOCKET, accepted=[(ONE,)])],
        frames={"client": frames(entries)},
        lanes=[entries],
        photos={1: record(1)},
        left={"waiting": 0, "pending": 0, "delayed": 0, "leased": 0, "staged": 0},
        originals=frozenset({"photo-1.png"}),
    )
    return replace(whole, **known)


def broken(history: History) -> list[str]:
    """The names of the promises that are broken."""
    return [promise.__name__ for promise in PROMISES if promise(history).broken]


def test_a_photo_uploaded_tagged_and_told_breaks_nothing() -> None:
    assert broken(history()) == []


def test_a_photo_that_was_tried_again_breaks_nothing() -> None:
    queued = progress(1, 0, attempt=2, stage="queued")
    again = [progress(1, at, attempt=2) for at in (10, 100)]

    assert broken(history(progress(1, 10), retrying(1), queued, *again, complete(1))) == []


# What was accepted


def test_an_accepted_photo_without_a_record_is_found() -> None:
    found = broken(history(photos={}, originals=frozenset()))

    assert found == ["accepted_kept"]


def test_a_removed_photo_is_not_missed() -> None:
    known = history(photos={}, originals=frozenset(), orders=[Order("delete", 1, None)])

    assert broken(known) == []


def test_a_record_that_is_not_what_was_accepted_is_found() -> None:
    other = Accepted(1, "job-1", "photo-9.png")
    uploads = [Upload(("digest-1",), SOCKET, accepted=[(other,)])]

    assert broken(history(uploads=uploads)) == ["accepted_kept"]


def two(**known: Any) -> History:
    """The one upload of photo 1 has become photo 2, too."""
    both = [*WORK, progress(2, 100), complete(2)]
    photos = {1: record(1), 2: record(2, sha256="digest-1")}
    originals = frozenset({"photo-1.png", "photo-2.png"})
    return history(*both, photos=photos, originals=originals, **known)


def test_one_key_that_became_two_photos_is_found() -> None:
    assert broken(two()) == ["one_photo_a_key"]


def test_a_repeat_that_is_answered_with_another_photo_is_found() -> None:
    uploads = [Upload(("digest-1",), SOCKET, accepted=[(ONE,), (TWO,)])]

    assert broken(two(uploads=uploads)) == ["one_photo_a_key"]


def test_other_bytes_that_are_not_refused_are_found() -> None:
    uploads = [Upload(("digest-1",), SOCKET, accepted=[(ONE,)], mismatched=[422, 202])]

    assert broken(history(uploads=uploads)) == ["one_photo_a_key"]


def test_half_a_batch_is_found() -> None:
    uploads = [Upload(("digest-1", "digest-2"), SOCKET)]

    assert broken(history(uploads=uploads)) == ["one_photo_a_key"]


def test_a_photo_that_nobody_sent_is_found() -> None:
    assert "one_photo_a_key" in broken(history(uploads=[]))


def test_a_text_that_became_a_photo_is_found() -> None:
    uploads = [Upload(("digest-1",), SOCKET, kind="refused")]

    assert broken(history(uploads=uploads)) == ["one_photo_a_key"]


# How photos end


@pytest.mark.parametrize("status", ["queued", "processing"])
def test_a_photo_that_has_not_ended_is_found(status: str) -> None:
    photos = {1: record(1, status=status, tags="[]")}

    assert broken(history(progress(1, 10), photos=photos)) == ["ended_once"]


def test_a_photo_of_which_nothing_was_told_is_found() -> None:
    assert "ended_once" in broken(history(lanes=[lane()], frames={}))


def test_a_second_end_is_found() -> None:
    assert broken(history(*WORK, complete(1))) == ["ended_once", "in_order"]


def test_an_end_that_is_not_the_records_is_found() -> None:
    assert broken(history(cancelled(1), photos={1: record(1, tags="[]")})) == [
        "ended_once", "tags_where_complete",
    ]  # fmt: skip


def test_a_photo_tagged_again_ends_twice() -> None:
    again = [*WORK, progress(1, 100, job="job-9"), complete(1, job="job-9")]
    wanted = [Order("retag", 1, 202, "job-9")]

    assert broken(history(*again, orders=wanted)) == []
    assert broken(history(*again, orders=[Order("retag", 1, None)])) == []
    assert broken(history(orders=[Order("retag", 1, None)])) == []
    assert broken(history(*again)) == ["ended_once"]
    assert broken(history(orders=wanted)) == ["ended_once"]


def test_a_complete_photo_without_tags_is_found() -> None:
    assert broken(history(photos={1: record(1, tags="[]")})) == ["tags_where_complete"]


def test_a_failed_photo_with_tags_is_found() -> None:
    known = history(progress(1, 10), failed(1), photos={1: record(1, status="error")})

    assert broken(known) == ["tags_where_complete"]


def test_other_tags_than_were_told_are_found() -> None:
    dog = json.dumps([{**CAT, "name": "chien"}])

    assert broken(history(photos={1: record(1, tags=dog)})) == ["tags_where_complete"]


def test_tags_given_by_hand_and_lost_are_found() -> None:
    mine = json.dumps([{**CAT, "name": "mine", "source": "user"}])
    edit = [Order("edit", 1, 200, tags=("mine",))]

    assert broken(history(orders=edit, photos={1: record(1, user_tags=mine)})) == []
    assert broken(history(orders=edit)) == ["tags_where_complete"]


def test_a_cancel_whose_answer_is_not_true_is_found() -> None:
    off = {1: record(1, status="cancelled", tags="[]")}

    assert broken(history(orders=[Order("cancel", 1, 202)])) == ["cancels_are_true"]
    assert broken(history(cancelled(1), photos=off, orders=[Order("cancel", 1, 202)])) == []
    assert broken(history(cancelled(1), photos=off, orders=[Order("cancel", 1, 409)])) == [
        "cancels_are_true"
    ]
    assert broken(history(cancelled(1), photos=off, orders=[Order("cancel", 1, None)])) == []


# The order of events


@pytest.mark.parametrize(
    "events",
    [
        [progress(1, 30), progress(1, 10), progress(1, 100), complete(1)],
        [progress(1, 10, attempt=2), progress(1, 30), progress(1, 100, attempt=2), complete(1)],
        [progress(1, 10), retrying(1), progress(1, 30), progress(1, 100, attempt=2), complete(1)],
        [progress(1, 10, attempt=3), retrying(1, 2), progress(1, 100, attempt=3), complete(1)],
        [*WORK, progress(1, 30)],
        [*WORK, retrying(1)],
        [progress(1, 10), complete(1)],
        [progress(1, 10, job="job-9"), *WORK],
    ],
    ids=[
        "progress goes back",
        "an old attempt writes",
        "an attempt goes on that is to be repeated",
        "an old attempt is to be repeated",
        "progress after the end",
        "a retry after the end",
        "complete before it is done",
        "two jobs at a time",
    ],
)
def test_events_out_of_order_are_found(events: list[Any]) -> None:
    assert broken(history(*events)) == ["in_order"]


def test_who_begins_to_watch_in_the_middle_hears_the_rest_in_order() -> None:
    late = [retrying(1), progress(1, 10, attempt=2), progress(1, 100, attempt=2), complete(1)]
    watcher = [Told(f"{at}-1", OTHER, *event) for at, event in enumerate(late, 10)]
    first = [progress(1, 10), *late]

    entries = [*lane(*first), *watcher]

    assert broken(history(*first, lanes=[entries])) == []


# What sockets are sent


def test_a_client_that_was_cut_off_and_resumed_breaks_nothing() -> None:
    sent = frames(lane(*WORK))
    cut = [*sent[:3], connected("3-0", resumed=True), *sent[3:]]

    assert broken(history(frames={"client": cut})) == []


def test_a_client_that_came_later_is_owed_only_what_follows() -> None:
    sent = [connected("4-0"), *frames(lane(*WORK))[4:]]

    assert broken(history(frames={"client": sent})) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: [*sent[:2], *sent[3:]],
        lambda sent: sent[:-1],
        lambda sent: [*sent[:3], sent[2], *sent[3:]],
        lambda sent: [*sent[:2], sent[3], sent[2], *sent[4:]],
        lambda sent: [*sent[:3], connected("2-0", resumed=True), *sent[3:]],
        lambda sent: [*sent[:2], replace(sent[2], data={"photoId": 1}), *sent[3:]],
        lambda sent: [*sent[:2], replace(sent[2], event="photo:retrying"), *sent[3:]],
        lambda sent: sent[1:],
    ],
    ids=["hole", "no end", "twice", "swapped", "resumed elsewhere", "data", "name", "unconnected"],
)
def test_a_socket_that_is_not_sent_its_stream_is_found(change: Any) -> None:
    sent = change(frames(lane(*WORK)))

    assert broken(history(frames={"client": sent})) == ["every_frame"]


def test_an_event_of_another_socket_is_found() -> None:
    entries = lane(*WORK)
    strange = Told("9-0", OTHER, *progress(1, 100))
    sent = [*frames(entries), Frame(strange.id, strange.event, strange.data)]

    assert broken(history(lanes=[[*entries, strange]], frames={"client": sent})) == ["every_frame"]


def test_a_client_that_begins_anew_has_to_be_told_why() -> None:
    sent = frames(lane(*WORK))
    gone = Frame("0-7", "photo:progress", {})
    resync = Frame("3-0", "resync", {"reason": "history_trimmed", "photos": []})
    anew = [connected("0-5"), gone, connected("3-0"), resync, *sent[3:]]

    # It was sent an event that the lane does not hold (any more).
    assert len(_faults_of_frames(anew)) == 1
    # It is not told of the hole.
    assert len(_faults_of_frames([*anew[:3], *anew[4:]])) == 2
    # The lane reaches back to where it stood: there was no reason to begin anew.
    assert len(_faults_of_frames([sent[0], sent[1], connected("3-0"), resync, *sent[3:]])) == 1


def _faults_of_frames(sent: list[Frame]) -> list[str]:
    [finding] = [each(history(frames={"client": sent})) for each in PROMISES
                 if each.__name__ == "every_frame"]  # fmt: skip
    return finding.broken


# The rest


def test_a_photo_that_was_nowhere_for_a_moment_is_found() -> None:
    assert broken(history(stranded=["photo 1, queued, had 0 messages"])) == ["never_nowhere"]


POISON = json.dumps({"code": "poison", "message": ""})


def poison(**known: Any) -> History:
    known = {
        "uploads": [Upload(("digest-1",), SOCKET, kind="poison", accepted=[(ONE,)])],
        "photos": {1: record(1, status="error", tags="[]", error=POISON)},
        "letters": [Letter("job-1", "poison", 3)],
        "met": {"digest-1": 3},
        "deaths": {"job-1": 3},
        **known,
    }
    return history(progress(1, 10), failed(1), **known)


def test_poison_that_ended_after_three_deaths_breaks_nothing() -> None:
    assert broken(poison()) == []


@pytest.mark.parametrize(
    "known",
    [
        {"met": {"digest-1": 4}},
        {"deaths": {"job-1": 3}, "held": {"job-1": 2}},
        {"letters": [Letter("job-1", "poison", 2)]},
        {"letters": [Letter("job-1", "failed", 3)]},
        {"photos": {1: record(1, status="error", tags="[]", error='{"code": "timeout"}')}},
    ],
    ids=[
        "met too often",
        "counted for nothing",
        "too early",
        "for another reason",
        "told otherwise",
    ],
)
def test_poison_that_is_not_stopped_in_time_is_found(known: dict[str, Any]) -> None:
    assert broken(poison(**known)) == ["deaths_bounded"]


@pytest.mark.parametrize("place", ["waiting", "pending", "delayed", "leased", "staged"])
def test_what_is_left_is_found(place: str) -> None:
    assert broken(history(left={place: 1})) == ["at_rest"]


@pytest.mark.parametrize(
    "known",
    [
        {"originals": frozenset()},
        {"originals": frozenset({"photo-1.png", "photo-9.png"})},
        {"thumbnails": frozenset({"photo-9.png"})},
    ],
    ids=["no blob", "an orphan", "a thumbnail of nothing"],
)
def test_blobs_that_are_not_the_records_are_found(known: dict[str, Any]) -> None:
    assert broken(history(**known)) == ["blobs_are_records"]


def test_an_index_that_does_not_agree_is_found() -> None:
    assert broken(history(disagreement="status:complete")) == ["indexes_agree"]


def test_a_process_that_takes_too_much_memory_is_found() -> None:
    assert broken(history(peaks_mb={"tagger": 399.0})) == []
    assert broken(history(peaks_mb={"tagger": 401.0})) == ["within_memory"]


def test_a_recovery_that_takes_too_long_is_found_where_it_is_judged() -> None:
    late = [Recovery("tagger", 20.5)]

    assert broken(history(recoveries=late)) == []
    assert broken(history(recoveries=late, recovery_s=20.0)) == ["recovered_in_time"]


def test_a_process_that_does_not_end_as_told_is_found() -> None:
    assert broken(history(misbehaved=["tagger-0 ended with 1"])) == ["in_order_when_told"]
