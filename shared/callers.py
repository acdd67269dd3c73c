"""Who is calling: the API keys, and the name of the one a request carries."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import SecretStr

EVERYBODY = ""
"""The caller where no keys are configured: everybody owns everything."""

_NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class NamedSecret(NamedTuple):
    """One secret of the key `name`. A key has several while they are changed."""

    name: str
    secret: SecretStr


def read_key(text: str) -> NamedSecret:
    """Read `name:secret`. Raises `ValueError`, which shows nothing of the text: it is secret."""
    name, colon, secret = (part.strip() for part in text.partition(":"))
    if not (name and colon and secret):
        raise ValueError("must be name:secret")
    if not _NAME.fullmatch(name):
        raise ValueError("has a name that is not 1 to 64 of: letters a-z, digits, . _ @ -")
    return NamedSecret(name, SecretStr(secret))


def checked(keys: Iterable[NamedSecret]) -> tuple[NamedSecret, ...]:
    """Return `keys` without repetitions. Raises `ValueError` where two names have one secret."""
    names: dict[str, str] = {}
    for name, secret in keys:
        if names.setdefault(secret.get_secret_value(), name) != name:
            raise ValueError("gives two names the same secret")
    return tuple(NamedSecret(name, SecretStr(secret)) for secret, name in names.items())


class ApiKeys:
    """The configured keys; kept as hashes, compared in constant time."""

    def __init__(self, keys: Iterable[NamedSecret]) -> None:
        self._names = _hashed(keys)
        self.asked_for = bool(self._names)
        """Whether callers have to have a key."""

    def replace(self, keys: Iterable[NamedSecret]) -> bool:
        """Know `keys` from now on, and say whether any is known no more, or by another name.

        Raises `ValueError` for none: what asks for keys does not stop to by a slip.
        """
        names = _hashed(keys)
        if not names:
            raise ValueError("names no key")
        removed = self._names.items() - names.items()
        self._names = names
        return bool(removed)

    def caller(self, authorization: str | None, *, key: str | None = None) -> str | None:
        """Return the name of the key in an `Authorization` header, or of `key` itself.

        None where a key is asked for, and missing or wrong.
        """
        if not self.asked_for:
            return EVERYBODY
        scheme, _, token = (authorization or "").partition(" ")
        secret = token.strip() if scheme.lower() == "bearer" else (key or "")
        offered, found = _hash(secret), None
        for known, name in self._names.items():
            if hmac.compare_digest(known, offered):
                found = name
        return found


def _hashed(keys: Iterable[NamedSecret]) -> dict[bytes, str]:
    return {_hash(secret.get_secret_value()): name for name, secret in keys}


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
