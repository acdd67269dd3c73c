"""The fault program's checker finds each broken promise in a history made to break it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.check import Fault, Finding, History, check
from tests.chaos.journal import Event, Journal, path_of, read

SECOND_NS = 1_000_000_000
LOST, AGAIN, POISON, ACKED, INVENTED, REST = range(6)


def history(text: str, **known: Any) -> History:
    """A history of lines `<second> <process> <what> <message>`, at rest unless told otherwise."""
    events = []
    for line in filter(None, text.splitlines()):
        at_s, process, what, message_id = line.split()
        events.append(Event(int(float(at_s) * SECOND_NS), what, message_id, process))
    empty = History(
        events=sorted(events),
        faults=[],
        dead={},
        left={"waiting": 0, "pending": 0, "delayed": 0},
        poison=frozenset(),
        claim_after_ms=2000,
    )
    return replace(empty, **known)


def killed(process: str, at_s: float) -> Fault:
    return Fault("killed", process, int(at_s * SECOND_NS), int(at_s * SECOND_NS))


def down(from_s: float, until_s: float) -> Fault:
    return Fault("down", "", int(from_s * SECOND_NS), int(until_s * SECOND_NS))


def stopped(process: str, from_s: float, until_s: float) -> Fault:
    return Fault("stopped", process, int(from_s * SECOND_NS), int(until_s * SECOND_NS))


def broken(history: History) -> list[int]:
    """The numbers of the promises that are broken."""
    return [number for number, finding in enumerate(check(history)) if finding.broken]


ONE_DONE = """
1.0 p sending m
1.1 p accepted m
1.2 a fetched m
1.3 a started m
1.4 a done m
1.5 a acked m
"""

HELD_AT_A_KILL = """
1.0 p sending m
1.1 p accepted m
1.2 a fetched m
1.3 a started m
"""


def test_a_message_sent_done_and_acknowledged_breaks_nothing() -> None:
    assert broken(history(ONE_DONE)) == []


@pytest.mark.parametrize(
    "text",
    ["1.0 p sending m\n1.1 p accepted m", HELD_AT_A_KILL],
    ids=["never started", "never done"],
)
def test_an_accepted_message_that_is_not_done_is_lost(text: str) -> None:
    assert broken(history(text)) == [LOST]


def test_an_accepted_message_that_is_a_dead_letter_is_not_lost() -> None:
    assert broken(history(HELD_AT_A_KILL, dead={"m": "failed"})) == []


def test_a_message_whose_fate_its_producer_does_not_know_may_be_lost() -> None:
    assert broken(history("1.0 p sending m\n1.1 p unknown m")) == []
    assert broken(history("1.0 p sending m")) == []


def test_a_message_that_starts_again_in_time_breaks_nothing() -> None:
    text = HELD_AT_A_KILL + "8.9 b fetched m\n8.99 b started m\n9.1 b done m\n9.2 b acked m"

    assert broken(history(text, faults=[killed("a", 2.0)])) == []


def test_a_message_that_starts_again_too_late_is_found() -> None:
    text = HELD_AT_A_KILL + "9.0 b fetched m\n9.01 b started m\n9.1 b done m\n9.2 b acked m"

    assert broken(history(text, faults=[killed("a", 2.0)])) == [AGAIN]


def test_a_message_fetched_and_not_started_at_the_kill_has_to_start_in_time_too() -> None:
    text = """
1.0 p sending m
1.1 p accepted m
1.2 a fetched m
9.01 b started m
9.1 b done m
"""

    assert broken(history(text, faults=[killed("a", 2.0)])) == [AGAIN]


def test_the_time_starts_when_the_server_is_back() -> None:
    text = HELD_AT_A_KILL + "11.0 b fetched m\n11.9 b started m\n12.0 b done m"

    assert broken(history(text, faults=[killed("a", 2.0), down(3.0, 5.0)])) == []
    assert broken(history(text, faults=[killed("a", 2.0), down(3.0, 4.8)])) == [AGAIN]


@pytest.mark.parametrize(
    "fault", [killed("b", 6.0), stopped("b", 6.0, 9.0)], ids=["killed", "stopped"]
)
def test_the_time_starts_again_when_the_next_holder_fails_too(fault: Fault) -> None:
    text = HELD_AT_A_KILL + "5.0 b fetched m\n12.0 c fetched m\n12.9 c started m\n13.0 c done m"

    assert broken(history(text, faults=[killed("a", 2.0), fault])) == []


def test_the_failure_of_another_process_is_no_excuse() -> None:
    text = HELD_AT_A_KILL + "9.0 b fetched m\n9.01 b started m\n9.1 b done m"

    assert broken(history(text, faults=[killed("a", 2.0), killed("c", 6.0)])) == [AGAIN]


def test_a_process_killed_by_a_message_is_a_kill_like_another() -> None:
    text = (
        HELD_AT_A_KILL
        + """
1.0 p sending bad
1.1 p accepted bad
2.0 a started bad
2.0 a dying bad
9.0 b fetched m
9.01 b started m
9.1 b done m
"""
    )

    found = broken(history(text, dead={"bad": "poison"}, poison=frozenset({"bad"})))

    assert found == [AGAIN]


def poison(starts: int) -> str:
    lines = ["1.0 p sending bad", "1.1 p accepted bad"]
    lines += [f"{2 + number} c{number} started bad" for number in range(starts)]
    return "\n".join(lines)


def test_poison_started_three_times_and_then_a_dead_letter_breaks_nothing() -> None:
    bad = frozenset({"bad"})

    assert broken(history(poison(3), dead={"bad": "poison"}, poison=bad)) == []


def test_poison_started_a_fourth_time_is_found() -> None:
    bad = frozenset({"bad"})

    assert broken(history(poison(4), dead={"bad": "poison"}, poison=bad)) == [POISON]


def test_poison_that_is_a_dead_letter_for_another_reason_is_found() -> None:
    bad = frozenset({"bad"})

    assert broken(history(poison(3), dead={"bad": "failed"}, poison=bad)) == [POISON]


def test_poison_that_is_no_dead_letter_is_lost_too() -> None:
    assert broken(history(poison(3), poison=frozenset({"bad"}))) == [LOST, POISON]


def test_a_message_that_starts_after_its_acknowledgement_is_found() -> None:
    assert broken(history(ONE_DONE + "1.6 b started m")) == [ACKED]


def test_a_message_may_run_twice_before_its_acknowledgement() -> None:
    text = ONE_DONE.replace("1.5 a acked m", "1.45 b started m\n1.5 b done m\n1.6 b acked m")

    assert broken(history(text)) == []


def test_a_message_that_nobody_sent_is_found() -> None:
    assert broken(history("1.0 a started m\n1.1 a done m")) == [INVENTED]


@pytest.mark.parametrize("place", ["waiting", "pending", "delayed"])
def test_a_message_that_is_left_is_found(place: str) -> None:
    left = {"waiting": 0, "pending": 0, "delayed": 0} | {place: 1}

    assert broken(history(ONE_DONE, left=left)) == [REST]


def test_what_breaks_a_promise_is_named_and_the_rest_counted() -> None:
    told = str(Finding("nothing is lost", "lost 7", [f"m{number} is lost" for number in range(7)]))

    assert told.splitlines()[0] == "BROKEN  nothing is lost: lost 7"
    assert told.splitlines()[1].strip() == "m0 is lost"
    assert told.splitlines()[-1].strip() == "and 2 more"


def test_journals_of_all_processes_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    first, second = Journal(path_of(tmp_path, "a.1")), Journal(path_of(tmp_path, "b.1"))
    first.note("sending", "m")
    second.note("started", "m")
    first.note("accepted", "m")

    told = [(event.process, event.what, event.message_id) for event in read(tmp_path)]

    assert told == [("a.1", "sending", "m"), ("b.1", "started", "m"), ("a.1", "accepted", "m")]
