"""Where a request comes from."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from accounts.addresses import client_address


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
