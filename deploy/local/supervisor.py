"""Runs the embedded server and the services together: up in order, down in order, none left.

Why not an existing process runner: docs/decisions/0002-process-runner.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from deploy.local.printer import Printer
from deploy.local.server import ServerError
from deploy.local.tied import tied

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from deploy.local.server import EmbeddedServer

READY_TIMEOUT_S = 60.0
READY_INTERVAL_S = 0.1
LAST_WORDS_S = 1.0  # for the output of a service that has ended
TERMINAL_INTERVAL_S = 1.0
BODY_SHOWN_CHARS = 500


class FailureError(Exception):
    """Something that was to run does not. The text is for the user."""


@dataclass(frozen=True)
class Service:
    """A program to keep running; it answers GET `url`/readyz with 200 when it is ready."""

    name: str
    command: tuple[str, ...]
    url: str


class Supervisor:
    """Runs `server`, if any, and then `services` until a signal comes or one of them ends."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        server: EmbeddedServer | None,
        environment: Mapping[str, str],
        grace_s: float,
        ready_line: str,
    ) -> None:
        """`grace_s`: how long the services may take to end after SIGTERM."""
        self._services = services
        self._server = server
        self._environment = environment
        self._grace_s = grace_s
        self._ready_line = ready_line
        self._printer = Printer([service.name for service in services])
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._not_ready = {service.name: "has not been asked yet" for service in services}

    async def run(self) -> int:
        """Return 0 after SIGINT, SIGTERM or SIGHUP, 1 after a failure; nothing runs any more."""
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup has SIGHUP ignored, and means it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._end)
        begun = {self._spawn(self._watch_terminal()), self._spawn(self._start())}
        try:
            await self._over
        except FailureError as failure:
            self._printer.say(f"Tagline stops: {failure}")
            return 1
        else:
            return 0
        finally:
            for each in begun:
                each.cancel()
            await asyncio.wait(begun)  # they start nothing more from here on
            await self._stop()
            self._printer.say("Tagline has stopped; nothing is left running.")
            self._printer.close(within_s=LAST_WORDS_S)

    def _end(self, failure: FailureError | None = None) -> None:
        if self._over.done():
            return
        if failure is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(failure)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        # The loop itself holds its tasks weakly.
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._end(FailureError(str(error) or repr(error)))

    async def _start(self) -> None:
        if self._server is not None:
            # Launched from this thread, the one it is tied to; only the waiting is elsewhere.
            self._server.launch()
            await asyncio.to_thread(self._server.wait_ready)
            self._spawn(self._watch_server(self._server))
        for service in self._services:
            process = await asyncio.create_subprocess_exec(
                *tied(service.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # a terminal's Ctrl-C is for the supervisor alone
            )
            self._processes[service.name] = process
            self._spawn(self._watch_service(service.name, process))
        await self._wait_ready()
        self._printer.say(self._ready_line)

    async def _watch_terminal(self) -> None:
        """End once the terminal is gone, if our parent leads its session.

        Then it alone is sent SIGHUP; and make waits for us before it ends.
        """
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        if ignored or os.getsid(0) != os.getppid():
            return
        try:
            terminal = os.open("/dev/tty", os.O_RDONLY)
        except OSError:
            return  # the session has none
        try:
            while os.isatty(terminal):  # noqa: ASYNC110  # it tells its leader alone
                await asyncio.sleep(TERMINAL_INTERVAL_S)
        finally:
            os.close(terminal)
        self._end()

    async def _watch_server(self, server: EmbeddedServer) -> None:
        code = await asyncio.to_thread(server.wait)
        raise ServerError(f"the Redis server ended early, {_ending(code)}, see {server.log}")

    async def _watch_service(self, name: str, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for above
        forward = self._spawn(self._printer.forward(name, process.stdout))
        code = await process.wait()
        await asyncio.wait({forward}, timeout=LAST_WORDS_S)
        raise FailureError(f"{name} ended early, {_ending(code)}")

    async def _wait_ready(self) -> None:
        limit = aiohttp.ClientTimeout(total=2)
        try:
            async with (
                asyncio.timeout(READY_TIMEOUT_S),
                aiohttp.ClientSession(timeout=limit) as session,
            ):
                await asyncio.gather(*(self._ask(session, each) for each in self._services))
        except TimeoutError:
            reasons = "; ".join(f"{name} {why}" for name, why in self._not_ready.items())
            raise FailureError(f"not ready after {READY_TIMEOUT_S:g} s: {reasons}") from None

    async def _ask(self, session: aiohttp.ClientSession, service: Service) -> None:
        url = f"{service.url}/readyz"
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:  # noqa: PLR2004
                        del self._not_ready[service.name]
                        return
                    body = (await answer.text(errors="replace"))[:BODY_SHOWN_CHARS]
                    self._not_ready[service.name] = f"answers {answer.status} at {url}: {body}"
            except (aiohttp.ClientError, TimeoutError) as error:
                why = str(error) or "no answer within 2 s"
                self._not_ready[service.name] = f"does not answer at {url}: {why}"
            await asyncio.sleep(READY_INTERVAL_S)

    async def _stop(self) -> None:
        waits = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                process.terminate()
        if waits:
            await asyncio.wait(waits, timeout=self._grace_s)
        for name, process in self._processes.items():
            if process.returncode is None:
                within = f"within {self._grace_s:g} s"
                self._printer.say(f"{name} has not stopped {within} and is killed")
            # The whole group: also what a service has started and left behind.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        await asyncio.gather(*waits)
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
        if self._tasks:
            # With the last of them gone, what they wrote has been forwarded.
            await asyncio.wait(self._tasks, timeout=LAST_WORDS_S)


def _ending(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
