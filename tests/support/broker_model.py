"""What a queue is, without Redis: which message is where, and which one comes next."""

from __future__ import annotations

from dataclasses import dataclass, field

STREAMS = ("front", "high", "normal", "low")
FAVOURED = {9: "normal", 19: "low"}
"""Of twenty messages that are fetched, two come from these streams first if they have any."""

MAX_DEATHS = 3


@dataclass
class QueueModel:
    """A queue, its messages by their IDs. Every message is in one of its places, or ended."""

    waiting: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in STREAMS})
    held: dict[int, list[str]] = field(default_factory=dict)  # by consumer, the oldest first
    delayed: set[str] = field(default_factory=set)
    due: list[str] = field(default_factory=list)  # delayed no more, and not moved yet
    dead: list[tuple[str, str]] = field(default_factory=list)  # with the reason
    ended: set[str] = field(default_factory=set)
    priorities: dict[str, str] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    turn: int = 0

    def enqueue(self, message: str, priority: str) -> None:
        self.priorities[message] = priority
        self.deaths[message] = 0
        self.waiting[priority].append(message)

    def delay(self, message: str, priority: str) -> None:
        self.priorities[message] = priority
        self.deaths[message] = 0
        self.delayed.add(message)

    def fall_due(self, message: str) -> None:
        self.delayed.remove(message)
        self.due.append(message)

    def fetch(self, consumer: int, room: int) -> list[str]:
        """Move what is due, and give the next messages, `room` at most, to the consumer."""
        if self.paused or not room:
            return []
        for message in self.due:
            self.waiting[self.priorities[message]].append(message)
        self.due.clear()
        fetched: list[str] = []
        while len(fetched) < room and any(self.waiting.values()):
            order = [FAVOURED.get(self.turn % 20, "front"), *STREAMS]
            stream = next(name for name in order if self.waiting[name])
            fetched.append(self.waiting[stream].pop(0))
            self.turn += 1
        self.held[consumer] += fetched
        return fetched

    def acknowledge(self, consumer: int, message: str) -> None:
        self.held[consumer].remove(message)
        self.ended.add(message)

    def reject(self, consumer: int, message: str) -> None:
        """Make it a dead letter: of a poison message if its workers died too often."""
        self.held[consumer].remove(message)
        reason = "poison" if self.deaths[message] >= MAX_DEATHS else "failed"
        self.dead.append((message, reason))

    def retry(self, consumer: int, message: str) -> None:
        self.held[consumer].remove(message)
        self.delayed.add(message)

    def hand_back(self, consumer: int, messages: list[str]) -> None:
        for message in messages:
            self.held[consumer].remove(message)
            self.waiting["front"].append(message)

    def die(self, consumer: int, in_order: list[str]) -> None:
        """The consumer dies, and what it held goes on, in that order, with one more death."""
        assert sorted(in_order) == sorted(self.held[consumer])
        for message in in_order:
            self.deaths[message] += 1
        self.hand_back(consumer, in_order)

    def requeue(self, message: str) -> None:
        """Put a dead letter back, its deaths forgotten."""
        self.delete(message)
        self.ended.discard(message)
        self.enqueue(message, self.priorities[message])

    def delete(self, message: str) -> None:
        """Delete a dead letter."""
        self.dead = [letter for letter in self.dead if letter[0] != message]
        self.ended.add(message)

    def places(self) -> list[str]:
        """Return every message once for each place it is in."""
        return [
            *(message for stream in self.waiting.values() for message in stream),
            *(message for held in self.held.values() for message in held),
            *self.delayed,
            *self.due,
            *(message for message, _ in self.dead),
            *self.ended,
        ]
