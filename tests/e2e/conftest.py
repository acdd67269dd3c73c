"""What the page is tried with: a server, the services, a browser; one of each for a test file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from deploy.local.server import EmbeddedServer
from tests.e2e.page import page_settings
from tests.e2e.stack import Stack, running_stack
from tests.support.browser import chromium, running_browser
from tests.support.openai_server import OpenAIServer
from tests.support.redis_server import temporary_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def openai() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as openai:
        yield openai


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with temporary_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings() -> Mapping[str, str]:
    return page_settings()


@pytest.fixture(scope="module")
def stack(
    server: EmbeddedServer,
    settings: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    chromium()
    folder = tmp_path_factory.mktemp("page")
    with running_stack(server.url, folder, folder / "cache", settings) as stack:
        yield stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(stack: Stack) -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser
