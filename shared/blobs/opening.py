"""Which blob store an address means."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from shared.addresses import is_web_address

from .room import Room
from .store import BlobStore

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_SECRETS: Final = {
    "AWS_ACCESS_KEY_ID": {"aws_access_key_id", "access_key_id"},
    "AWS_SECRET_ACCESS_KEY": {"aws_secret_access_key", "secret_access_key"},
    "AWS_SESSION_TOKEN": {"aws_session_token", "session_token", "aws_token", "token"},
}
"""The variables of a bucket's keys, and what an option that comes before each may be called."""

_HTTP: Final[ClientConfig] = {
    "connect_timeout": timedelta(seconds=3),
    "timeout": timedelta(seconds=15),
}
"""Of one request to a bucket: until it is connected, and as a whole."""
_RETRIES: Final[RetryConfig] = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
}
"""Whoever waits is told within 25 s that a bucket is away: by itself obstore tries for 3 minutes,
longer than a stage may take or a client waits."""


def open_store(url: str, *, min_free_bytes: int = 0) -> BlobStore:
    """Return the store at `url`; one in a folder takes blobs while so much stays free there.

    `file://var/blobs` (relative to the working directory) or `file:///srv/blobs`;
    `s3://bucket/prefix`, with options of obstore's `S3Store` as the query: `endpoint_url`,
    `region`, …; credentials come from the environment (`AWS_ACCESS_KEY_ID`, …).
    Raises `ValueError` saying what is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _folder(Path(unquote(parts.netloc + parts.path)), min_free_bytes)
    if parts.scheme == "s3":
        return _bucket(parts)
    raise ValueError("must start with file:// or s3://")


def _folder(path: Path, min_free_bytes: int) -> BlobStore:
    if not path.name:
        raise ValueError("must name a folder, as in file://var/blobs")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {path}: {error.strerror}") from None
    room = Room(path, least_bytes=min_free_bytes) if min_free_bytes else None
    return BlobStore(LocalStore(path.absolute()), room)


def _bucket(address: SplitResult) -> BlobStore:
    if not address.netloc:
        raise ValueError("must name a bucket, as in s3://photos")
    options: dict[str, str] = dict(parse_qsl(address.query))
    endpoint = options.pop("endpoint_url", "")
    if endpoint and not is_web_address(endpoint):
        raise ValueError("has an endpoint_url that is no address such as https://s3.example")
    if endpoint:
        options["endpoint"] = endpoint  # that there is none may not be said
    for name, called in _SECRETS.items():
        # A file that a secret is kept in ends with a newline, of which obstore would panic.
        secret = os.environ.get(name, "").strip()
        if secret and not called & options.keys():
            options[name.lower()] = secret
    try:
        store = S3Store(
            address.netloc,
            prefix=address.path.strip("/") or None,
            client_options={**_HTTP, "allow_http": endpoint.startswith("http://")},
            retry_config=_RETRIES,
            **options,  # type: ignore[arg-type]
        )
    except (BaseError, ValueError, TypeError) as error:
        # The lines after the first are for who writes obstore.
        why = str(error).partition("\n")[0]
        raise ValueError(f"is no S3 address: {why}") from None
    return BlobStore(store)
