"""One run of the fault program: messages flow while processes, server and replies are lost."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import redis
from dramatiq import Message

from deploy.local.server import EmbeddedServer
from tests.chaos import journal
from tests.chaos.check import Fault, Finding, History, check
from tests.chaos.messages import message_id, poison_numbers
from tests.chaos.processes import Slot
from tests.support.broker import KEYS, dead_letters, pending, waiting
from tests.support.broker_proxy import Proxy, proxy_to
from tests.support.redis_server import temporary_server

POLL_S = 0.02
LOSE_EVERY_S = 0.25
LOSABLE = (b"XADD", b"EVALSHA", b"XREADGROUP")
BEYOND_LEASE_MS = 1000
DECK = ("kill", "stop", "kill", "server", "term", "kill", "producer")
SETTLE_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Plan:
    """How much, for how long, and by which seed."""

    seed: int
    messages: int = 20_000
    seconds: float = 180.0
    poison: int = 12
    producers: int = 2
    consumers: int = 4
    claim_after_ms: int = 2000


class Run:
    """The processes and the faults of one run; `execute` does it all."""

    def __init__(self, plan: Plan, server: EmbeddedServer, proxy: Proxy, folder: Path) -> None:
        self.plan = plan
        self.faults: list[Fault] = []
        self.counts: dict[str, int] = {}
        self.misbehaved: list[str] = []
        self._server = server
        self._proxy = proxy
        self._folder = folder
        self._chance = random.Random(plan.seed)
        urls = (server.url, proxy.url)
        pause_s = plan.seconds * plan.producers / plan.messages
        self._producers = [
            Slot(f"producer-{each}", urls[(each + 1) % 2], folder, self._sending(each, 0, pause_s))
            for each in range(plan.producers)
        ]
        self._consumers = [
            Slot(f"consumer-{each}", urls[each % 2], folder, [str(plan.claim_after_ms)])
            for each in range(plan.consumers)
        ]
        self._pause_s = pause_s

    def _sending(self, producer: int, first: int, pause_s: float) -> list[str]:
        plan = self.plan
        poison = plan.poison // plan.producers
        numbers = (plan.seed, producer, first, plan.messages // plan.producers, poison)
        return [*map(str, numbers), str(pause_s)]

    def execute(self) -> list[Finding]:
        """Start all, do the faults until the producers are done, wait for rest, and check."""
        slots = [*self._consumers, *self._producers]
        try:
            for slot in slots:
                slot.start()
            self._disturb()
            self._settle()
            codes = [slot.end() for slot in self._consumers]
            self.misbehaved += [f"a consumer ended with {code}" for code in codes if code]
        finally:
            for slot in slots:
                slot.close()
        findings = check(self._history())
        return [
            *findings,
            Finding("processes end in order when told to", f"{len(slots)} slots", self.misbehaved),
        ]

    def _disturb(self) -> None:
        deck: list[str] = []
        next_fault = time.monotonic() + 1.5  # the first processes have to start
        next_loss = next_fault
        deadline = time.monotonic() + 4 * self.plan.seconds + SETTLE_TIMEOUT_S
        while any(producer.ended() is None for producer in self._producers):
            if time.monotonic() > deadline:
                self.misbehaved.append("the producers did not come to an end")
                return
            self._look_after()
            if time.monotonic() >= next_loss:
                self._proxy.lose_reply(request=self._chance.choice(LOSABLE))
                self._count("replies to be lost")
                next_loss = time.monotonic() + LOSE_EVERY_S
            if time.monotonic() >= next_fault:
                if not deck:
                    deck = list(DECK)
                    self._chance.shuffle(deck)
                self._do(deck.pop())
                next_fault = time.monotonic() + self._chance.uniform(0.5, 2.5)
            time.sleep(POLL_S)

    def _do(self, fault: str) -> None:
        # The same draws whatever happened before, so that a seed gives the same faults.
        consumer = self._chance.choice(self._consumers)
        producer = self._chance.randrange(len(self._producers))
        pause_s = self._chance.uniform(0.1, 0.6)
        self._count(fault)
        if fault == "server":
            down_ns = time.monotonic_ns()
            self._server.kill()
            time.sleep(pause_s)
            self._server.start()
            self.faults.append(Fault("down", "", down_ns, time.monotonic_ns()))
        elif fault == "producer":
            self._kill_producer(producer)
        elif fault == "kill":
            self.faults.append(consumer.kill())
        elif fault == "stop" and not consumer.stopped_ns:
            consumer.stop()
        elif fault == "term" and consumer.begun:
            consumer.signal(signal.SIGTERM)

    def _kill_producer(self, number: int) -> None:
        producer = self._producers[number]
        if producer.ended() is not None:
            return
        producer.kill()
        sent = [
            int(event.message_id.split("-")[1])
            for event in journal.read(self._folder)
            if event.what == journal.SENDING and event.process.startswith(f"{producer.name}.")
        ]
        producer.arguments = self._sending(number, max(sent, default=-1) + 1, self._pause_s)
        producer.start()

    def _look_after(self) -> None:
        """Replace consumers that have ended; have stopped ones go on when their time is up."""
        longest_ns = (self.plan.claim_after_ms + BEYOND_LEASE_MS) * 1_000_000
        for consumer in self._consumers:
            if consumer.stopped_ns and time.monotonic_ns() - consumer.stopped_ns > longest_ns:
                self.faults.append(consumer.go_on())
            code = consumer.ended()
            if code is None:
                continue
            if code not in {0, -signal.SIGKILL}:
                self.misbehaved.append(f"{consumer.process} ended with {code}")
            consumer.start()

    def _settle(self) -> None:
        """Wait until nothing is left, with no more faults than poison messages make."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline:
            self._look_after()
            ready = all(each.begun and not each.stopped_ns for each in self._consumers)
            if ready and not any(self._left().values()):
                return
            time.sleep(POLL_S)

    def _left(self) -> dict[str, int]:
        with redis.Redis.from_url(self._server.url) as client:
            return {
                "waiting": waiting(client),
                "pending": pending(client),
                "delayed": client.zcard(KEYS.delayed),
            }

    def _history(self) -> History:
        with redis.Redis.from_url(self._server.url) as client:
            dead = {
                Message.decode(letter[b"m"]).message_id: letter[b"reason"].decode()
                for letter in dead_letters(client)
            }
        plan = self.plan
        poison = frozenset(
            message_id(producer, number)
            for producer in range(plan.producers)
            for number in poison_numbers(
                plan.messages // plan.producers, plan.poison // plan.producers
            )
        )
        events = journal.read(self._folder)
        return History(events, self.faults, dead, self._left(), poison, plan.claim_after_ms)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def execute(plan: Plan) -> tuple[list[Finding], str]:
    """Do one run on a server of its own; return what was found, and what was done."""
    start = time.monotonic()
    with ExitStack() as exits:
        server = exits.enter_context(temporary_server(tcp=True))
        proxy = exits.enter_context(proxy_to(server.url))
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="tagline-"))
        run = Run(plan, server, proxy, Path(folder))
        findings = run.execute()
    faults = ", ".join(f"{count} {what}" for what, count in sorted(run.counts.items()))
    return findings, f"{plan.messages} messages in {time.monotonic() - start:.0f} s; {faults}"
