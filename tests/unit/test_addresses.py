"""Which address is the caller's, by who is connected and what `X-Forwarded-For` says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from services.gateway.addresses import address_of

PROXIES = ip_network("127.0.0.1"), ip_network("10.0.0.0/8")


@pytest.mark.parametrize(
    ("forwarded", "caller"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.0.0.7", "10.0.0.7"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_trusted_proxies_are_believed_as_far_as_they_go(forwarded: str, caller: str) -> None:
    request = make_mocked_request("POST", "/", headers={"X-Forwarded-For": forwarded})

    assert address_of(request.clone(remote="127.0.0.1"), PROXIES) == caller
    assert address_of(request.clone(remote="192.0.2.1"), PROXIES) == "192.0.2.1"
