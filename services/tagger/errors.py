"""Why the work on a photo failed, and what follows from it."""

from __future__ import annotations


class TaggingError(Exception):
    """The work on a photo failed.

    `code` is the stable word of `photo:error` and of the photo's `error`; the
    text is short, in English, and safe to show: no secrets, no image bytes.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class PermanentError(TaggingError):
    """Another try would end the same way: the photo ends as `error` at once."""


class RetryableError(TaggingError):
    """Another try may succeed. `retry_after_s`: what the other side asked for, if it did."""

    def __init__(self, code: str, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(code, text)
        self.retry_after_s = retry_after_s


class LeaseLostError(Exception):
    """This worker's fencing token is no longer current, or the photo has ended.

    Another worker has the photo, or nobody needs to: stop, and write nothing.
    """
