"""The names of blobs."""

from __future__ import annotations

from typing import Final

ORIGINALS: Final = "originals"
THUMBNAILS: Final = "thumbs"

SIDES_PX: Final = (64, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024)
"""The sizes there are thumbnails of, by their longest side: few, so that a photo has few."""

EXTENSIONS: Final = ("webp", "jpg")
"""The formats of thumbnails."""


def original(filename: str) -> str:
    """Return the name of the blob with a photo's original bytes."""
    return f"{ORIGINALS}/{_folder(filename)}/{filename}"


def thumbnail(filename: str, side_px: int, extension: str) -> str:
    """Return the name of the blob with a photo's thumbnail, of one of the sizes and formats."""
    return f"{THUMBNAILS}/{_folder(filename)}/{filename}-{side_px}.{extension}"


def thumbnails(filename: str) -> list[str]:
    """Return the names of all thumbnails that a photo can have."""
    return [
        thumbnail(filename, side_px, extension) for side_px in SIDES_PX for extension in EXTENSIONS
    ]


def filename_in(name: str) -> str:
    """Return the file name of the photo whose original or thumbnail is called `name`."""
    folder, _, last = name.rpartition("/")
    return last.rpartition("-")[0] if folder.startswith(f"{THUMBNAILS}/") else last


def _folder(filename: str) -> str:
    """Return the folder of a photo's blobs: the last characters of the name's random part.

    Thousands of folders of thousands of files serve every file system better than one folder
    of millions.
    """
    return filename.partition(".")[0][-2:]
