"""Errors that more than one service raises or answers."""

from __future__ import annotations


class TaglineError(Exception):
    """The root of our errors."""


class UnavailableError(TaglineError):
    """Redis, the blob store or the decoder is away; what was asked may or may not have happened.

    `what`: `redis`, `blobs` or `decoder`; in a check of readiness also `provider` or `process`,
    with a `text`.
    """

    def __init__(self, what: str, text: str | None = None) -> None:
        super().__init__(text or f"{what} does not answer")
        self.what = what


class NoRoomError(UnavailableError):
    """The blob store answers, and has no room for more. `text`: what was found."""

    def __init__(self, text: str) -> None:
        super().__init__("blobs", text)


class BlobMissingError(TaglineError):
    """The blob store answers, and holds no such blob."""


class BadImageError(TaglineError):
    """These bytes cannot be made a picture within the limits.

    The text says why; it is short, in English, and safe to show: nothing of the file is in it.
    `may_pass`: whether it may be the machine that is at fault, so that another try might do.
    """

    def __init__(self, text: str, *, may_pass: bool = False) -> None:
        super().__init__(text)
        self.may_pass = may_pass
