"""The soak tells what grows from what is only noisy."""

from __future__ import annotations

import pytest

from tests.chaos.soak.growth import growths, table


def test_the_last_quarter_is_held_against_the_second() -> None:
    # Given a warm-up, and a peak in the third quarter, that do not count
    values = [900.0, 900.0, 100.0, 102.0, 500.0, 100.0, 103.0, 105.0]

    (found,) = growths({("tagger", "MB"): values})

    assert (found.second, found.last, found.most) == (101.0, 104.0, 900.0)
    assert found.flat
    assert "flat" in table([found])


def test_five_in_a_hundred_is_growth() -> None:
    (found,) = growths({("tagger", "MB"): [100.0] * 6 + [105.0] * 2})

    assert not found.flat
    assert "GROWS" in str(found)


def test_a_little_of_little_is_no_growth() -> None:
    little, more = growths(
        {
            ("notifier", "files"): [20.0] * 6 + [24.0] * 2,
            ("gateway", "files"): [20.0] * 6 + [25.0] * 2,
        }
    )

    assert little.flat
    assert not more.flat


def test_a_quarter_of_one_sample_tells_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        growths({("tagger", "MB"): [1.0] * 7})
