"""The names of blobs."""

from __future__ import annotations

ORIGINALS = "originals"


def original(filename: str) -> str:
    """Return the name of the blob with a photo's original bytes.

    A folder by the last characters of the random part: thousands of folders of thousands
    of files serve every file system better than one folder of millions.
    """
    stem = filename.partition(".")[0]
    return f"{ORIGINALS}/{stem[-2:]}/{filename}"
