"""Requests as no client of ours writes them: each is answered, with a problem that says why."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import redis

from deploy.local.server import EmbeddedServer
from tests.support.clients import PHOTOS, upload
from tests.support.processes import ServiceProcess

FORM = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = orjson.loads(self.body)
        assert found["status"] == self.status
        assert found["type"] == f"urn:tagline:problem:{found['code']}"
        assert {"title", "detail"} <= found.keys()
        return found


@pytest.fixture(scope="module")
def gateway(
    redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """A gateway that has one photo, of id 1."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    blobs = tmp_path_factory.mktemp("odd") / "blobs"
    environment = {"REDIS_URL": redis_server.url, "TAGLINE_BLOB_URL": blobs.as_uri()}
    with ServiceProcess("gateway", environment) as process:
        process.wait_ready()
        _, photo = asyncio.run(upload(process.url, PHOTOS / "cat.jpg"))
        assert photo["id"] == 1
        yield process
        assert "request_broke" not in process.output


async def send(gateway: ServiceProcess, raw: bytes) -> Answer:
    """Send bytes as they are, and read what comes until the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    async with asyncio.timeout(10):
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(each.lower().split(": ", 1) for each in lines)
    return Answer(int(line.split(" ")[1]), headers, body)


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: here", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    "query",
    [
        "photos?limit=0",
        "photos?limit=-1",
        "photos?limit=201",
        "photos?limit=%D9%A1",
        "photos?limit=00000000050999",
        f"photos?limit={'9' * 5000}",
        "photos?limit=1&limit=2",
        "photos?cursor=x",
        f"photos?cursor={'9' * 17}",
        "photos?status=odd",
        "photos?status=error&status=error",
        "photos?tag=%00",
        "photos?tag=",
        "photos?" + "tag=a&" * 21,
        "photos?%FF=1",
        "photos?sort=name",
        "tags?limit=many",
        "jobs?state=complete",
        "queues?all",
        "stats?hours=2",
        "stages?locale=en",
        "photos/1/jobs?limit=1",
        "photos/1/thumbnail?size=63",
        "photos/1/thumbnail?size=0000000064999",
        "photos/1/thumbnail?size=64&size=65",
    ],
)
async def test_a_parameter_that_cannot_be_is_a_bad_request(
    gateway: ServiceProcess, query: str
) -> None:
    answer = await send(gateway, request("GET", f"/api/{query}"))

    assert (answer.status, answer.problem["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "query", ["photos?q=%00", "photos?q=%FF", "photos?q=%C3%A9", "tags?prefix=%FF%00", "photos?q="]
)
async def test_whatever_is_searched_for_is_looked_for(gateway: ServiceProcess, query: str) -> None:
    answer = await send(gateway, request("GET", f"/api/{query}"))

    assert answer.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "//api/photos",
        "/api/photos/",
        "/api/photos/x",
        "/api/photos/2",
        "/api/photos/%D9%A1",
        "/api/photos/1%00",
        "/api/photos/9999999999999999",
        "/api/photos/99999999999999999",
        "/api/photos/2/file",
        "/api/photos/2/thumbnail",
        "/api/jobs/%FF",
        "/api/jobs/00000000-0000-0000-0000-000000000000",
        "/api/batches/00000000-0000-0000-0000-000000000000",
        "/api/docs/..%2Fapp.py",
    ],
)
async def test_what_is_not_there_is_not_found(gateway: ServiceProcess, path: str) -> None:
    answer = await send(gateway, request("GET", path))

    assert (answer.status, answer.problem["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/api/photos", "GET,HEAD"),
        ("OPTIONS", "/api/photos", "GET,HEAD"),
        ("GET", "/api/photos/upload", "POST"),
        ("POST", "/api/photos/1", "DELETE,GET,HEAD"),
        ("DELETE", "/api/queues/tagging/pause", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
    ],
)
async def test_another_method_says_which_there_are(
    gateway: ServiceProcess, method: str, path: str, allow: str
) -> None:
    answer = await send(gateway, request(method, path))

    assert (answer.status, answer.problem["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allow.lower()


UNREADABLE = {
    "no HTTP": b"garbage\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "an unknown version": b"GET / HTTP/9.9\r\n\r\n",
    "no host": b"GET /api/photos HTTP/1.1\r\n\r\n",
    "an unknown method": request("FOO", "/api/photos"),
    "no path": request("GET", "api/photos"),
    "bytes in the path": request("GET", "/api/photos?q=\xff"),
    "a long path": request("GET", f"/api/photos?q={'x' * 10_000}"),
    "a long header": request("GET", "/api/photos", f"X-Long: {'x' * 10_000}"),
    "a null in a header": request("GET", "/api/photos", "X-Null: a\0b"),
    "no length": request("PUT", "/api/photos/1/tags", "Content-Length: many"),
    "two lengths": request(
        "PUT", "/api/photos/1/tags", "Content-Length: 2", "Transfer-Encoding: chunked"
    ),
    "no chunk": request("PUT", "/api/photos/1/tags", "Transfer-Encoding: chunked") + b"zz\r\n",
    "an unknown encoding": request("PUT", "/api/photos/1/tags", "Content-Encoding: br", body=b"{}"),
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_no_request_is_a_bad_request(gateway: ServiceProcess, raw: bytes) -> None:
    answer = await send(gateway, raw)

    assert (answer.status, answer.problem["code"]) == (400, "bad_request")


@pytest.mark.parametrize("expected", ["the-best", "\xff"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/photos"), ("GET", "/none"), ("POST", "/api/photos/upload")]
)
async def test_only_to_continue_may_be_expected(
    gateway: ServiceProcess, method: str, path: str, expected: str
) -> None:
    answer = await send(gateway, request(method, path, f"Expect: {expected}"))

    assert (answer.status, answer.problem["code"]) == (417, "expectation_failed")


async def test_head_is_get_without_the_body(gateway: ServiceProcess) -> None:
    for path, status in (("/api/photos", 200), ("/api/photos/2", 404), ("/api/docs", 200)):
        answer = await send(gateway, request("HEAD", path))
        assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize(
    "header",
    [
        "Origin: http://[",
        "Origin: null",
        "Origin: http://here:99999999",
        "Accept-Language: \xff;q=1e999, en;q=nan",
        "Accept: ;;,\xff",
        "Cookie: \xff=;;",
        "Authorization: Bearer \xff",
        "If-None-Match: \xff",
        "Range: bytes=\xff-",
        "X-Socket-Id: \xff",
    ],
)
async def test_a_header_that_says_nothing_here_does_no_harm(
    gateway: ServiceProcess, header: str
) -> None:
    answer = await send(gateway, request("GET", "/api/stages", header))

    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        pytest.param("PUT", "1/tags", [JSON], b"", id="no body"),
        pytest.param("PUT", "1/tags", [JSON], b"NaN", id="no object"),
        pytest.param("PUT", "1/tags", [JSON], b'{"tags": "cat"}', id="no list"),
        pytest.param("PUT", "1/tags", [JSON], b'{"tags": ["\xff"]}', id="no UTF-8"),
        pytest.param("PUT", "1/tags", [JSON], b'{"tags": ["\\ud800"]}', id="half a character"),
        pytest.param("PUT", "1/tags", [JSON], b'{"tags": ["\\u0000"]}', id="a null character"),
        pytest.param("PUT", "1/tags", [JSON], b'{"tags": [%s]}' % (b"9" * 5000), id="a number"),
        pytest.param("PUT", "1/tags", [JSON], b"[" * 30_000, id="deep"),
        pytest.param("PUT", "1/tags", [JSON], b'{"%s": 1}' % (b"k" * 60_000), id="a long name"),
        pytest.param("PUT", "1/tags", [JSON], b'["%s"]' % (b"k" * 70_000), id="too long"),
        pytest.param("PUT", "1/tags", ["Content-Type: text/plain"], b"tags=cat", id="a form"),
        pytest.param("PUT", "1/tags", [JSON, "Content-Encoding: gzip"], b"{}", id="no gzip"),
        pytest.param("POST", "1/retag", [JSON], b'{"priority": "urgent"}', id="no priority"),
        pytest.param("POST", "1/watch", ["X-Socket-Id: \xff"], b"", id="no socket"),
        pytest.param("POST", "upload", [FORM, "Content-Encoding: gzip"], b"--b", id="gzip form"),
        pytest.param("POST", "upload", ["Content-Type: multipart/form-data"], b"x", id="no bound"),
        pytest.param("POST", "upload", [FORM, "Idempotency-Key: \xe9"], b"--b--\r\n", id="key"),
        pytest.param(
            "POST",
            "upload",
            [FORM],
            b"--b\r\nContent-Disposition: form-data; name=_charset_\r\n\r\n%s\r\n--b--\r\n"
            % (b"utf-8" * 20),
            id="a long charset",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_bad_request(
    gateway: ServiceProcess, method: str, path: str, headers: list[str], body: bytes
) -> None:
    answer = await send(gateway, request(method, f"/api/photos/{path}", *headers, body=body))

    assert (answer.status, answer.problem["code"]) == (400, "bad_request")
    assert len(answer.body) < 500
