"""Where a request comes from, as far as it can be believed."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from aiohttp import web

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

IPV6_PREFIX: Final = 64
"""What one subscriber gets: its addresses are as many as anyone likes, and one caller."""


def address_of(request: web.Request, proxies: tuple[Network, ...]) -> str:
    """Return the caller's address; of IPv6, its network.

    What `X-Forwarded-For` says counts only as far as trusted proxies have written it: from the
    right, up to the first address that is not one of them. The rest may be the caller's own words.
    """
    address = _parsed(request.remote or "")
    written = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while address is not None and written and any(address in proxy for proxy in proxies):
        before = _parsed(written.pop())
        if before is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
