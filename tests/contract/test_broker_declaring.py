"""What Dramatiq says of every broker, of its own two and ours: queues and actors."""

from __future__ import annotations

import dramatiq
import pytest
from dramatiq import Broker, Middleware
from dramatiq.errors import ActorNotFound

from tests.support.broker_subject import Subject, worked


def test_declaring_an_actor_declares_its_queue(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker, queue_name="letters")
    def write() -> None: ...

    assert broker.get_declared_queues() >= {"letters"}
    assert broker.get_declared_actors() == {"write"}
    assert broker.get_actor("write") is write


def test_declaring_a_queue_again_has_no_effect(subject: Subject) -> None:
    class Declared(Middleware):
        names: list[str]

        def after_declare_queue(self, _broker: Broker, queue_name: str) -> None:
            self.names.append(queue_name)

    declared = Declared()
    declared.names = []
    broker = subject.broker(declared)

    broker.declare_queue("letters")
    broker.declare_queue("letters")

    assert declared.names == ["letters"]


def test_declaring_an_actor_again_has_no_effect(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    queues = broker.get_declared_queues()
    broker.declare_actor(write)
    with worked(broker):
        write.send(1)

    assert broker.get_declared_actors() == {"write"}
    assert broker.get_declared_queues() == queues
    assert ran == [1]


def test_an_actor_nobody_declared_is_not_found(subject: Subject) -> None:
    with pytest.raises(ActorNotFound):
        subject.broker().get_actor("nobody")


def test_a_middleware_added_later_learns_of_queues_declared_before(subject: Subject) -> None:
    class Declared(Middleware):
        def after_declare_queue(self, _broker: Broker, queue_name: str) -> None:
            names.append(queue_name)

    names: list[str] = []
    broker = subject.broker()
    broker.declare_queue("letters")

    broker.add_middleware(Declared())

    assert "letters" in names
