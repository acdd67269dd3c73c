"""Every error answer: `application/problem+json` (RFC 9457) with a stable `code`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from services.gateway.hardening import hardened
from services.gateway.metrics import PROBLEMS
from shared.errors import NoRoomError, UnavailableError

RETRY_AFTER_S: Final = 2
FULL_RETRY_AFTER_S: Final = 10

logger = structlog.stdlib.get_logger()


class Problem(Exception):
    """A request that is answered with an error.

    `reason`: what is counted, where the code says less.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        reason: str = "",
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.reason = reason or code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> web.Response:
        PROBLEMS.labels(code=self.code).inc()
        body = {
            "type": f"urn:tagline:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(body),
            content_type="application/problem+json",
            headers=self.headers,
        )


def bad_request(detail: str) -> Problem:
    return Problem(400, "bad_request", detail)


def unauthorized() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "An API key is needed: Authorization: Bearer <secret>",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden_origin() -> Problem:
    return Problem(
        403,
        "forbidden_origin",
        "Pages of this origin may change nothing here; add it to TAGLINE_ALLOWED_ORIGINS",
    )


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"There is no such {what}")


def too_large(limit_bytes: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"The photo is larger than {limit_bytes} bytes",
        reason="photo_bytes",
        limit=limit_bytes,
    )


def too_long(limit_bytes: int, what: str = "altogether") -> Problem:
    return Problem(
        413,
        "too_large",
        f"The request brings more than {limit_bytes} bytes {what}",
        reason="request_bytes",
        limit=limit_bytes,
    )


def too_many(limit: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"A request brings {limit} photos at most; send the others in another",
        reason="photos",
        limit=limit,
    )


def unsupported_image() -> Problem:
    return Problem(
        415,
        "unsupported_image",
        "The content is no JPEG, PNG, WebP, GIF, HEIC or AVIF",
    )


def bad_image(detail: str, *, reason: str = "") -> Problem:
    return Problem(422, "bad_image", detail, reason=reason)


def timed_out(timeout_s: float) -> Problem:
    return Problem(
        408,
        "timeout",
        f"Too little of the body came within {timeout_s:g} s",
        headers={"Connection": "close"},
    )


def rate_limited(per_minute: int, *, retry_after_s: int) -> Problem:
    return Problem(
        429,
        "rate_limited",
        f"At most {per_minute} uploads a minute; try again in {retry_after_s} s",
        headers={"Retry-After": str(retry_after_s)},
        limit=per_minute,
    )


def unavailable(what: str) -> Problem:
    return Problem(
        503,
        "unavailable",
        f"{what} does not answer; try again",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def busy(what: str) -> Problem:
    return Problem(
        503,
        "unavailable",
        f"Too many {what} at a time; try again",
        headers={"Retry-After": str(RETRY_AFTER_S)},
        reason="busy",
    )


def decoder_failed(why: str, *, retry_after_s: int) -> Problem:
    return Problem(
        503,
        "unavailable",
        f"{why}; that may be the fault of this machine: try again",
        headers={"Retry-After": str(retry_after_s)},
        reason="decoder",
    )


def no_room() -> Problem:
    return Problem(
        503,
        "unavailable",
        "The photo store has no room for more; try again later",
        headers={"Retry-After": str(FULL_RETRY_AFTER_S)},
        reason="no_room",
    )


def almost_full() -> Problem:
    return Problem(
        503,
        "unavailable",
        "The database is almost full: it finishes what it has first; try again",
        headers={"Retry-After": str(FULL_RETRY_AFTER_S)},
        reason="memory",
    )


def unanswered(status: int) -> web.Response:
    """Return the answer to a request that reached no handler."""
    match status:
        case 417:
            problem = Problem(417, "expectation_failed", "Only 100-continue may be expected")
        case _ if status >= 500:  # noqa: PLR2004
            problem = Problem(status, "internal_error", "Something went wrong on our side")
        case _:
            why = "malformed HTTP, too long, or packed in a way that is not known here"
            problem = Problem(status, "bad_request", f"The request cannot be read: {why}")
    answer = problem.response()
    hardened(answer)  # no signal is sent for it
    return answer


@web.middleware
async def whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Break off an answer that has begun and cannot go on: a problem would be read as its body."""
    try:
        return await handler(request)
    except Exception as error:
        if request.writer.output_size == 0 or isinstance(error, ConnectionError):
            raise
        expected = isinstance(error, UnavailableError | TimeoutError)
        logger.warning(
            "answer_broken_off", path=request.path, why=repr(error)[:200], exc_info=not expected
        )
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionAbortedError from error


_WHAT: Final = {
    "redis": "The database",
    "blobs": "The photo store",
    "decoder": "The image decoder",
}
_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except UnavailableError as error:
        logger.warning("unavailable", what=error.what, why=str(error.__cause__ or error))
        full = isinstance(error, NoRoomError)
        return (no_room() if full else unavailable(_WHAT[error.what])).response()
    except web.HTTPNotFound:
        return not_found("route").response()
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004  # a redirect
            raise
        allow = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        code = _CODES.get(error.status, "bad_request")
        return Problem(error.status, code, error.reason, headers=allow).response()
    except ConnectionError:
        raise  # the client has gone; there is nobody to answer
    except Exception:
        logger.exception("request_broke", method=request.method, path=request.path)
        return Problem(500, "internal_error", "Something went wrong on our side").response()
