"""Why the work on a photo failed, as stages of one's own say it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from services.tagger.errors import PermanentError, RetryableError


def test_a_text_is_kept_as_what_can_be_sent() -> None:
    error = PermanentError("stolen", "caf\udce9" * 1000)

    assert error.text.startswith("caf\\udce9caf")
    assert str(error) == error.text
    error.text.encode()


@pytest.mark.parametrize("code", ["", "two words", "caf\udce9", "c" * 65, "a:b"], ids=ascii)
def test_a_code_is_one_word(code: str) -> None:
    with pytest.raises(ValueError, match="a code is a word of at most 64 letters, digits and _"):
        PermanentError(code, "…")


@pytest.mark.parametrize("code", [7, None])
def test_a_code_that_is_no_text_is_refused(code: Any) -> None:
    with pytest.raises(TypeError):
        PermanentError(code, "…")


@pytest.mark.parametrize("wait_s", [math.nan, math.inf, -math.inf])
def test_a_wait_is_a_number_of_seconds(wait_s: float) -> None:
    with pytest.raises(ValueError, match="a wait is a number of seconds"):
        RetryableError("later", "…", retry_after_s=wait_s)
