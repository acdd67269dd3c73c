"""Holds what happened against what the broker promises."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos import journal
from tests.chaos.journal import Event

GRACE_S = 5.0
MAX_DEATHS = 3
POISON = "poison"
EXAMPLES = 5


@dataclass(frozen=True)
class Fault:
    """What was done to a process, or to the server (`process` is then empty).

    `killed`, `stopped` (for that time) or `down` (the server, for that time).
    """

    what: str
    process: str
    at_ns: int
    until_ns: int


@dataclass(frozen=True)
class History:
    """All that is known at the end.

    `dead`: the reason of each dead letter, by message ID. `left`: how many messages are
    waiting, pending and delayed. `poison`: which messages kill whoever runs them.
    """

    events: list[Event]
    faults: list[Fault]
    dead: dict[str, str]
    left: dict[str, int]
    poison: frozenset[str]
    claim_after_ms: int


@dataclass(frozen=True)
class Finding:
    """One promise: what was seen, and everything that breaks it."""

    promise: str
    seen: str
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{'BROKEN' if self.broken else 'held':8}{self.promise}: {self.seen}"]
        lines += [f"        {each}" for each in self.broken[:EXAMPLES]]
        if len(self.broken) > EXAMPLES:
            lines.append(f"        and {len(self.broken) - EXAMPLES} more")
        return "\n".join(lines)


def check(history: History) -> list[Finding]:
    """Return one finding for each promise."""
    by_message: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        by_message[event.message_id].append(event)
    return [
        _nothing_lost(history, by_message),
        _again_in_time(history, by_message),
        _poison_stopped(history, by_message),
        _acknowledged_for_good(by_message),
        _nothing_invented(by_message),
        _at_rest(history),
    ]


def _nothing_lost(history: History, by_message: dict[str, list[Event]]) -> Finding:
    counts: Counter[str] = Counter()
    broken = []
    for message_id, events in by_message.items():
        whats = {event.what for event in events}
        ended = journal.DONE in whats or message_id in history.dead
        if journal.ACCEPTED in whats:
            counts["accepted"] += 1
            if not ended:
                broken.append(f"{message_id} was accepted, and neither done nor a dead letter")
        elif journal.SENDING in whats:
            counts["unknown"] += 1
            counts["unknown, and done"] += ended
    dead = Counter(history.dead.values())
    seen = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    letters = ", ".join(f"{count} {reason}" for reason, count in sorted(dead.items()))
    return Finding(
        "nothing accepted is lost",
        f"lost {len(broken)} ({seen}; dead letters: {letters or 'none'})",
        broken,
    )


def _again_in_time(history: History, by_message: dict[str, list[Event]]) -> Finding:
    """Every message held by a process when it was killed is started again in time.

    Not if the kill came between its last step and the reply to its acknowledgement: then it is
    done and never starts again.
    """
    limit_ns = int((history.claim_after_ms / 1000 + GRACE_S) * 1e9)
    took_ns = []
    delayed = 0
    broken = []
    for kill in (fault for fault in _faults(history) if fault.what == "killed"):
        for message_id, events in by_message.items():
            if _holder(events, kill.at_ns) != kill.process:
                continue
            starts = [e.at_ns for e in events if e.what == journal.STARTED and e.at_ns > kill.at_ns]
            if not starts:
                continue  # done, a dead letter, or lost, which is another promise
            after_ns = starts[0] - kill.at_ns
            deadline_ns = _deadline(history, events, kill.at_ns, limit_ns)
            if deadline_ns == kill.at_ns + limit_ns:
                took_ns.append(after_ns)
            else:
                delayed += 1
            if starts[0] > deadline_ns:
                broken.append(f"{message_id} started {after_ns / 1e9:.2f} s after the kill")
    worst = max(took_ns, default=0) / 1e9
    return Finding(
        f"what a killed worker held runs again within {limit_ns / 1e9:g} s",
        f"{len(took_ns)} messages, the slowest after {worst:.2f} s;"
        f" {delayed} had another fault on their way",
        broken,
    )


def _deadline(history: History, events: list[Event], killed_ns: int, limit_ns: int) -> int:
    """Return when a message must have started again at the latest.

    Later where the server was away meanwhile, or who held it next was killed or stopped too.
    """
    deadline_ns = killed_ns + limit_ns
    for fault in _faults(history):
        if killed_ns < fault.until_ns and fault.at_ns <= deadline_ns:
            if fault.what == "down":
                deadline_ns = max(deadline_ns, fault.until_ns + limit_ns)
            elif fault.at_ns > killed_ns and _holder(events, fault.at_ns) == fault.process:
                deadline_ns = max(deadline_ns, fault.at_ns + limit_ns)
    return deadline_ns


def _holder(events: list[Event], at_ns: int) -> str | None:
    """Return which process held the message at that time; None if none did."""
    before = events[: bisect_right([event.at_ns for event in events], at_ns)]
    holder = None
    for event in before:
        if event.what == journal.FETCHED:
            holder = event.process
        elif event.what == journal.ACKED:
            holder = None
    return holder


def _faults(history: History) -> list[Fault]:
    """Return all faults in the order of time, those that messages were included."""
    own = [
        Fault("killed", event.process, event.at_ns, event.at_ns)
        for event in history.events
        if event.what == journal.DYING
    ]
    return sorted([*history.faults, *own], key=lambda fault: fault.at_ns)


def _poison_stopped(history: History, by_message: dict[str, list[Event]]) -> Finding:
    broken = []
    starts = {
        message_id: sum(event.what == journal.STARTED for event in by_message[message_id])
        for message_id in history.poison & by_message.keys()
    }
    for message_id, count in sorted(starts.items()):
        accepted = any(e.what == journal.ACCEPTED for e in by_message[message_id])
        if count > MAX_DEATHS:
            broken.append(f"{message_id} was started {count} times")
        if (accepted or count) and history.dead.get(message_id) != POISON:
            broken.append(f"{message_id} is no dead letter with the reason poison")
    bystanders = sum(
        reason == POISON and message_id not in history.poison
        for message_id, reason in history.dead.items()
    )
    return Finding(
        f"poison is started at most {MAX_DEATHS} times, then a dead letter",
        f"{len(starts)} messages, started {sum(starts.values())} times;"
        f" {bystanders} others died with them {MAX_DEATHS} times",
        broken,
    )


def _acknowledged_for_good(by_message: dict[str, list[Event]]) -> Finding:
    acknowledged = twice = 0
    broken = []
    for message_id, events in by_message.items():
        twice += sum(event.what == journal.DONE for event in events) > 1
        acks = [event.at_ns for event in events if event.what == journal.ACKED]
        if not acks:
            continue
        acknowledged += 1
        for event in events:
            if event.what == journal.STARTED and event.at_ns > acks[0]:
                late_s = (event.at_ns - acks[0]) / 1e9
                broken.append(
                    f"{message_id} started in {event.process} {late_s:.3f} s after its ack"
                )
    return Finding(
        "what was acknowledged never runs again",
        f"{acknowledged} acknowledged, {twice} done more than once before that",
        broken,
    )


def _nothing_invented(by_message: dict[str, list[Event]]) -> Finding:
    started = {
        message_id
        for message_id, events in by_message.items()
        if any(event.what == journal.STARTED for event in events)
    }
    broken = [
        f"{message_id} was started and never sent"
        for message_id in sorted(started)
        if not any(event.what == journal.SENDING for event in by_message[message_id])
    ]
    return Finding("nothing runs that was not sent", f"{len(started)} messages started", broken)


def _at_rest(history: History) -> Finding:
    seen = ", ".join(f"{count} {place}" for place, count in history.left.items())
    broken = [f"{count} {place}" for place, count in history.left.items() if count]
    return Finding("at rest nothing is left", seen, broken)
