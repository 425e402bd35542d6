"""Where a request comes from."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from accounts.addresses import caller_address, client_address


@pytest.mark.parametrize(
    ("hops", "forwarded", "peer", "expected"),
    [
        (0, None, "192.0.2.1", "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1", "192.0.2.1"),  # nobody is trusted
        (1, "198.51.100.7", "192.0.2.1", "198.51.100.7"),
        (1, "10.0.0.1, 198.51.100.7", "192.0.2.1", "198.51.100.7"),  # made up by the caller, before the real one
        (2, "10.0.0.1, 198.51.100.7,203.0.113.5", "192.0.2.1", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1", "192.0.2.1"),  # it did not come through both proxies
        (1, "not an address", "192.0.2.1", "192.0.2.1"),
        (1, None, "192.0.2.1", "192.0.2.1"),
        (0, None, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "2001:db8:1:2::9", "192.0.2.1", "2001:db8:1:2::"),
        (0, None, "::ffff:192.0.2.1", "192.0.2.1"),
        (1, "198.51.100.7:4711", "192.0.2.1", "198.51.100.7"),
        (1, "2001:db8:1:2::9, [2001:db8:5:6::9]:443", "192.0.2.1", "2001:db8:5:6::"),
        (1, "[2001:db8:5:6::9]", "192.0.2.1", "2001:db8:5:6::"),
        (1, "fe80::1%eth0", "192.0.2.1", "fe80::"),
        (1, "[::ffff:198.51.100.7]:80", "192.0.2.1", "198.51.100.7"),
        *(
            (1, junk, "192.0.2.1", "192.0.2.1")
            for junk in ("unknown", "_hidden", "1.2.3", "1.2.3.4.5:6", "[]:1", ":", "9" * 999)
        ),
        (0, None, "", ""),  # a Unix socket
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(
    settings: Settings, hops: int, forwarded: str | None, peer: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = hops
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory(headers=headers).get("/", REMOTE_ADDR=peer)
    assert client_address(request) == expected


@pytest.mark.parametrize(
    ("forwarded", "expected"), [("2001:db8::9", "2001:db8::9"), ("unknown", "None"), ("", "192.0.2.1")]
)
def test_a_network_is_asked_for_the_whole_address_or_none(settings: Settings, forwarded: str, expected: str) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory(headers={"X-Forwarded-For": forwarded}).get("/", REMOTE_ADDR="192.0.2.1")
    assert str(caller_address(request)) == expected
