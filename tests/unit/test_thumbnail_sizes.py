"""Which thumbnail is made for what is asked."""

from __future__ import annotations

import pytest

from services.gateway.thumbnails import side_for, takes_webp
from shared.blobs.names import filename_in, original, thumbnail, thumbnails


@pytest.mark.parametrize(
    ("size_px", "longest_side_px", "made_px"),
    [
        (64, 4000, 64),
        (95, 4000, 64),
        (96, 4000, 96),
        (400, 4000, 384),
        (1024, 4000, 1024),
        (1024, 1024, 1024),
        (1024, 900, 1024),
        (1024, 768, 768),
        (1024, 10, 64),
        (320, 500, 320),
    ],
)
def test_sizes_are_rounded_down_to_steps_and_no_larger_than_the_photo_needs(
    size_px: int, longest_side_px: int, made_px: int
) -> None:
    assert side_for(size_px, longest_side_px=longest_side_px) == made_px


@pytest.mark.parametrize(
    ("accept", "webp"),
    [
        ("", False),
        ("*/*", False),
        ("image/*", False),
        ("image/webp", True),
        ("image/avif,image/webp,image/png;q=0.8,*/*;q=0.5", True),
        ("IMAGE/WEBP;q=0.1", True),
        ("image/webp;q=0, */*", False),
        ("image/webp; q=0.000", False),
        ("image/webpx", False),
    ],
)
def test_webp_is_for_who_names_it(accept: str, webp: bool) -> None:  # noqa: FBT001
    assert takes_webp(accept) is webp


def test_a_blob_s_name_tells_whose_it_is() -> None:
    filename = "photo-01ARZ3NDEKTSV4RRFFQ69G5FAV.jpg"

    assert filename_in(original(filename)) == filename
    assert filename_in(thumbnail(filename, 320, "webp")) == filename
    assert {filename_in(name) for name in thumbnails(filename)} == {filename}
    assert len(set(thumbnails(filename))) == 24
