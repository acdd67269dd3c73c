"""What can go wrong between a client and the servers."""

from __future__ import annotations


class TaglineError(Exception):
    """The server refused a request, or cannot be reached (`status` 0).

    `retry_after_s`: what the server says of when to try again, 0 if nothing.
    """

    def __init__(self, status: int, code: str, detail: str, *, retry_after_s: float = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


def seconds(retry_after: str | None) -> float:
    """Return a `Retry-After` header's seconds; 0 if it has none."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
