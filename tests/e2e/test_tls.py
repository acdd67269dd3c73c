"""The database behind TLS, as a managed one is."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS, upload, websocket
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.tls import behind_tls
from tests.support.waiting import wait_until


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
