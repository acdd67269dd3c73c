"""Who is calling: the API keys, and the name of the one a request carries."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from pydantic import SecretStr

EVERYBODY = ""
"""The caller where no keys are configured: everybody owns everything."""


class ApiKeys:
    """The configured keys; kept as hashes, compared in constant time."""

    def __init__(self, keys: Mapping[str, SecretStr]) -> None:
        self._names = {_hash(key.get_secret_value()): name for name, key in keys.items()}

    def caller(self, authorization: str | None, *, key: str | None = None) -> str | None:
        """Return the name of the key in an `Authorization` header, or of `key` itself.

        None where a key is asked for, and missing or wrong.
        """
        if not self._names:
            return EVERYBODY
        scheme, _, token = (authorization or "").partition(" ")
        secret = token.strip() if scheme.lower() == "bearer" else (key or "")
        offered, found = _hash(secret), None
        for known, name in self._names.items():
            if hmac.compare_digest(known, offered):
                found = name
        return found


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
