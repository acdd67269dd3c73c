"""The scripts, in any order in which gateways, taggers and users may call them.

Each is run twice, as where its reply was lost; after each step every index agrees with the
records. What a script answers is compared with what the record said before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.tagger.positions import Positions
from services.tagger.reconciler import Reconciler
from shared import keys
from shared.attempts import Attempts, Claim
from shared.ending import Finish
from shared.jobs import LISTED, JobRecord, Jobs
from shared.names import cleaned
from shared.photos import Photos, Retag, Watch
from shared.record import STATUSES, Record
from shared.redis import connect, script
from shared.tags import Tags
from tests.support.invariants import check
from tests.support.replaying import Replaying
from tests.support.tagging import (
    Queue,
    Tagger,
    Taken,
    first_step,
    lose_all_messages,
    state_of,
    submit,
)

OWNER_NAMES = ("", "o'brien {x} %d")
OWNERS = st.sampled_from(OWNER_NAMES)
SOCKETS = st.sampled_from([None, "0-aaaaaaaaaaaaaaaaaaaaaaaa", "1-bbbbbbbbbbbbbbbbbbbbbbbb"])
PRIORITIES = st.sampled_from(["high", "normal", "low"])
NAMES = st.lists(
    st.sampled_from(
        [
            {"fr": "chat", "en": "cat"},
            {"fr": "félin", "en": "cat"},
            {"fr": "ciel"},
            {"fr": "100 %", "en": "all"},
        ]
    ),
    max_size=3,
)
HASHES = st.sampled_from(["", "00ff00ff00ff00ff", "00ff00ff00ff00fe", "5a5a5a5a00ff00ff"])
STAGES = (("analyzing", 10), ("ai", 30), ("saving", 70))
DELAYS_MS = st.sampled_from([0, 3_600_000])
ANSWERED_ONCE = ("name_tags", "line", "drop", "delete")
"""What tells the time or what it has done, and what the gateway asks a second time itself."""

T = TypeVar("T")


class Scripts(RuleBasedStateMachine):
    """One server, empty at the start, and all that may happen to its photos."""

    url = ""
    looking: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.looking.flushdb()
        self.loop = asyncio.new_event_loop()
        self.client = Replaying(connection_pool=connect(self.url).connection_pool)
        self.client.looking = self.looking
        self.client.answered_once = {script(self.client, name).sha for name in ANSWERED_ONCE}
        self.photos = Photos(self.client, retention_s=600)
        self.jobs = Jobs(self.client, retention_s=600)
        self.tags = Tags(self.client)
        self.tagger = Tagger(self.photos, Attempts(self.client, retention_s=600), self.tags)
        self.queue = Queue(self.looking)
        self.held: list[Taken] = []
        self.ids: list[int] = []
        self.restarted: set[int] = set()

    def teardown(self) -> None:
        for owner in OWNER_NAMES:
            self.look_at_the_lists(owner)
        self.run(self.client.connection_pool.disconnect())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def record(self, data: st.DataObject, *statuses: str) -> Record | None:
        """A photo's record, None if it is gone; mostly of one that is in one of `statuses`."""
        those = [i for i in self.ids if state_of(self.looking, i)[0] in statuses]
        return self.run(self.photos.get(data.draw(st.sampled_from(those or self.ids))))

    def job(self, data: st.DataObject) -> JobRecord | None:
        record = self.record(data, "error")
        return self.run(self.jobs.get(record.job_id)) if record else None

    def has_its_turn(self, taken: Taken) -> bool:
        return self.is_now(taken, "processing")

    def is_now(self, taken: Taken, status: str) -> bool:
        return state_of(self.looking, taken.command.photo_id) == (status, taken.token)

    # What users do

    @rule(count=st.integers(1, 3), owner=OWNERS, socket=SOCKETS, priority=PRIORITIES)
    def upload(self, count: int, owner: str, socket: str | None, priority: str) -> None:
        answer = self.run(
            submit(self.photos, count=count, owner=owner, socket_id=socket, priority=priority)
        )
        assert answer.new
        self.ids += [photo.id for photo in answer.photos]

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), socket=SOCKETS)
    def watch(self, data: st.DataObject, socket: str | None) -> None:
        photo_id = data.draw(st.sampled_from(self.ids))
        there = state_of(self.looking, photo_id)[0] is not None
        watching = self.run(self.photos.watch(photo_id, socket or "2-cccccccccccccccccccccccc"))
        assert watching is (Watch.WATCHING if there else Watch.MISSING)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if record := self.record(data, "queued", "processing"):
            assert self.run(self.jobs.cancel(record)) == (not record.ended)
            assert not self.run(self.jobs.cancel(record))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), priority=PRIORITIES, socket=SOCKETS)
    def retag(self, data: st.DataObject, priority: str, socket: str | None) -> None:
        if record := self.record(data, "complete", "error", "cancelled"):
            job_id = str(data.draw(st.uuids()))
            done = self.run(
                self.photos.retag(
                    record.id, job_id=job_id, priority=priority, fresh=True, socket_id=socket
                )
            )
            assert done is (Retag.ACCEPTED if record.ended else Retag.IN_WORK)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), names=NAMES)
    def edit_tags(self, data: st.DataObject, names: list[dict[str, str]]) -> None:
        if record := self.record(data):
            french = [name["fr"] for name in names]
            assert self.run(self.tags.edit(record.id, french, locale="fr"))
            after = self.run(self.photos.get(record.id))
            assert after is not None
            assert [tag.name for tag in after.tags] == list(dict.fromkeys(map(cleaned, french)))

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if record := self.record(data):
            self.run(self.photos.delete(record))
            assert self.run(self.photos.get(record.id)) is None
            assert self.run(self.jobs.get(record.job_id)) is None
            self.restarted.add(record.id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def revive(self, data: st.DataObject) -> None:
        if job := self.job(data):
            assert self.run(self.jobs.revive(job)) == (job.state == "dead")
            self.restarted.add(job.photo_id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        if job := self.job(data):
            assert self.run(self.jobs.drop(job)) == (job.state == "dead")

    # What taggers do

    @rule(data=st.data(), end=st.sampled_from(["", "complete", "fail", "retry", "give back"]))
    def work(self, data: st.DataObject, end: str) -> None:
        taken = self.queue.fetch()
        if taken is None:
            return
        command = taken.command
        status, token = state_of(self.looking, command.photo_id)
        claimed = self.run(
            self.tagger.attempts.claim(
                command.photo_id,
                command.job_id,
                taken.receipt,
                first_step() if data.draw(st.booleans()) else None,
            )
        )
        if status in {"queued", "processing"} and token.startswith(command.job_id):
            assert isinstance(claimed, Record)
            taken.record = claimed
            self.held.append(taken)
            self.go_on(data, taken, end)
        else:
            assert claimed is Claim.OVER

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=st.sampled_from(["complete", "fail", "retry", "give back"]))
    def go_on_late(self, data: st.DataObject, end: str) -> None:
        """One of the attempts ever begun goes on, whether it still has its turn or not."""
        self.go_on(data, data.draw(st.sampled_from(self.held)), end)

    def go_on(self, data: st.DataObject, taken: Taken, end: str) -> None:
        assert taken.record is not None
        self.step(taken, data.draw(st.integers(0, len(STAGES))))
        current = self.has_its_turn(taken)
        match end:
            case "complete":
                self.complete(taken, data.draw(NAMES), data.draw(HASHES))
            case "fail":
                ended = self.run(self.tagger.fail(taken))
                assert ended is (Finish.ENDED if self.is_now(taken, "error") else Finish.LOST)
                assert self.is_now(taken, "error") or not current
            case "retry":
                again = self.run(self.tagger.retry(taken, delay_ms=data.draw(DELAYS_MS)))
                assert current or not again or self.is_now(taken, "queued")
            case "give back":
                self.queue.give_back(taken)
                # Whoever gives back has ended the attempt. One that ended the photo all the same
                # would leave the message behind, for who takes it to find nothing to do.
                self.held.remove(taken)

    def step(self, taken: Taken, stages: int) -> None:
        assert taken.record is not None
        for stage, progress in STAGES[:stages]:
            reached = int(self.looking.hget(keys.photo(taken.record.id), "progress") or 0)
            current = self.has_its_turn(taken)
            if not current or progress > reached:
                assert self.run(self.tagger.step(taken.record, stage, progress)) == current

    def complete(self, taken: Taken, names: list[dict[str, str]], phash: str) -> None:
        assert taken.record is not None
        current = self.has_its_turn(taken)
        done = self.run(self.tagger.complete(taken, names, phash=phash))
        if done is Finish.EDITED:
            assert current
            taken.record = self.run(self.photos.get(taken.record.id))
            done = self.run(self.tagger.complete(taken, names, phash=phash))
        if done is Finish.MOVED:
            assert current
            self.tagger.naming.forget()
            done = self.run(self.tagger.complete(taken, names, phash=phash))
        assert done is (Finish.ENDED if self.is_now(taken, "complete") else Finish.LOST)

    @rule()
    def tell_the_line(self) -> None:
        self.run(Positions(self.client, retention_s=600).tell(waited_ms=0, every_s=0))

    @rule()
    def lose_and_reconcile(self) -> None:
        unfinished = self.looking.zcard(keys.unfinished())
        lose_all_messages(self.looking)
        assert self.run(Reconciler(self.client).reconcile(still_s=-1)) == unfinished

    def look_at_the_lists(self, owner: str) -> None:
        listed = 0
        for status in STATUSES:
            page = self.run(self.photos.page(owner, before="", limit=200, status=status))
            assert {record.status for record in page.items} <= {status}
            listed += len(page.items)
        whole = self.run(self.photos.page(owner, before="", limit=200))
        ids = [record.id for record in whole.items]
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == listed
        jobs = self.run(self.jobs.page(owner, LISTED, before="", limit=200))
        assert {job.photo_id for job in jobs.items} <= set(ids)

    @invariant()
    def all_agree(self) -> None:
        check(self.looking, restarted=self.restarted)


def test_the_indexes_agree_with_the_records_whatever_happens(redis_url: str) -> None:
    Scripts.url = redis_url
    with redis.Redis.from_url(redis_url) as client:
        Scripts.looking = client
        run_state_machine_as_test(
            Scripts,
            settings=settings(
                max_examples=20,
                stateful_step_count=40,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            ),
        )
