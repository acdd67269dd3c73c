"""Copies that kustomize needs inside its folder, held against what they are copies of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

COPIES: Final = {
    Path("deploy/kubernetes/components/redis/redis.conf"): Path("deploy/redis.conf"),
    Path("deploy/kubernetes/components/redis/users.acl"): Path("deploy/users.acl"),
}


def drifted() -> Iterator[str]:
    for copy, original in COPIES.items():
        if copy.read_bytes() != original.read_bytes():
            yield f"{copy}: is not {original}; copy it again"
