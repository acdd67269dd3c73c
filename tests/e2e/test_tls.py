"""The database behind TLS, as a managed one is."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS, upload, websocket
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until


@asynccontextmanager
async def behind_tls(socket_path: str, authority: trustme.CA) -> AsyncIterator[int]:
    """Speak TLS before the server that listens at `socket_path`; yields the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    under_way: set[asyncio.Task[None]] = set()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(socket_path)
        for pair in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.create_task(pour(*pair))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


@pytest.mark.timeout(240)
async def test_the_services_speak_tls_and_only_to_a_server_whose_certificate_they_trust(
    tmp_path: Path,
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (tmp_path / "stranger.pem").write_bytes(stranger.cert_pem.bytes())
    with temporary_server() as server, ExitStack() as stack:
        socket_path = server.url.removeprefix("unix://").partition("?")[0]
        async with behind_tls(socket_path, authority) as port:
            url = f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}"
            # Given that the services start and wait in another thread than this proxy's
            running = await asyncio.to_thread(
                lambda: stack.enter_context(
                    running_stack(f"{url}/ca.pem", tmp_path, tmp_path / "cache")
                )
            )
            async with websocket(running.notifier.url) as heard:
                await upload(
                    running.gateway.url,
                    PHOTOS / "cat.jpg",
                    headers={"X-Socket-Id": heard.socket_id},
                )
                await heard.until("photo:complete")

            environment = {"REDIS_URL": f"{url}/stranger.pem"}
            with ServiceProcess("tagger", environment) as tagger:
                await wait_until(lambda: "waiting_for_redis" in tagger.output, timeout_s=60)
                assert "certificate verify failed" in tagger.output
            await asyncio.to_thread(stack.close)
