"""Why the work on a photo failed, and what follows from it."""

from __future__ import annotations

import math
import re
from typing import Final

from shared.attempts import Void

TEXT_CHARS: Final = 500
"""What is kept of an error's text: it goes into every event and record of the photo."""

_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


class TaggingError(Exception):
    """The work on a photo failed.

    `code` is the stable word of `photo:error` and of the photo's `error`; the
    text is short, in English, and safe to show: no secrets, no image bytes. Raises `ValueError` or
    `TypeError` for a code that is none.
    """

    def __init__(self, code: str, text: str) -> None:
        # A name of a file, say, may hold what is no Unicode.
        self.text = text.encode(errors="backslashreplace").decode()[:TEXT_CHARS]
        super().__init__(self.text)
        if not _CODE.fullmatch(code):
            raise ValueError(f"a code is a word of at most 64 letters, digits and _, not {code!r}")
        self.code = code


class PermanentError(TaggingError):
    """Another try would end the same way: the photo ends as `error` at once."""


class RetryableError(TaggingError):
    """Another try may succeed.

    `retry_after_s`: the wait before it, if the other side asked for one. `counts`: whether the
    failure uses up one of the photo's tries; not if it was nobody's fault on this side.
    """

    def __init__(
        self,
        code: str,
        text: str,
        *,
        retry_after_s: float | None = None,
        counts: bool = True,
    ) -> None:
        super().__init__(code, text)
        if retry_after_s is not None and not math.isfinite(retry_after_s):
            raise ValueError(f"a wait is a number of seconds, not {retry_after_s}")
        self.retry_after_s = retry_after_s
        self.counts = counts


class RateLimitedError(RetryableError):
    """The provider wants no calls for now: none at all, not only this one."""

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__("provider_rate_limited", text, retry_after_s=retry_after_s, counts=False)


class BusyError(RetryableError):
    """It was not the photo's turn for long: it waits in the queue, and holds no worker's thread."""

    def __init__(self) -> None:
        super().__init__(
            "provider_busy", "The provider had no time for the photo yet", counts=False
        )


class BudgetSpentError(Exception):
    """The day's budget pays for no call more, and another provider is to be asked meanwhile."""


class PlaceLostError(RetryableError):
    """A call was cut off: this process was not heard of, and its place went to another."""

    def __init__(self) -> None:
        super().__init__("provider_place_lost", "The call was cut off", counts=False)


class LeaseLostError(Exception):
    """This worker's fencing token is no longer current, or the photo has ended.

    Another worker has the photo, or nobody needs to: stop, and write nothing. `why`: None where
    that has not been asked.
    """

    def __init__(self, why: Void | None = None) -> None:
        super().__init__(why)
        self.why = why


class GivenBackError(Exception):
    """The tagger stops, and the attempt only waited: another tagger starts it anew."""
