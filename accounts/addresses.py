"""Where a request comes from, when proxies that we trust stand before us."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address
# As proxies write them: 192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], [2001:db8::1]:4711.
WITH_PORT = re.compile(r"\[(?P<six>[^\]]*)\](?::\d{1,5})?|(?P<four>[\d.]+):\d{1,5}")


def caller_address(request: HttpRequest) -> Address | None:
    """The caller's address as the outermost trusted proxy saw it; None when there is none, as behind a Unix socket.

    Each of the TRUSTED_PROXIES appends the address that it saw to X-Forwarded-For; what stands before those, anybody
    can make up. Where a trusted proxy wrote something else than an address, there is none either.
    """
    return _caller(*_claims(request))


def client_address(request: HttpRequest) -> str:
    """What is counted as one address: an IPv6 one as its /64, which one subscriber holds. Empty when there is none."""
    return counted_address(*_claims(request))


def counted_address(forwarded: str, peer: str) -> str:
    """The same, from what X-Forwarded-For says and the address at the other end of the connection."""
    address = _caller(forwarded, peer) or _parsed(peer)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False).network_address)
    return str(address or "")


def _claims(request: HttpRequest) -> tuple[str, str]:
    return request.headers.get("X-Forwarded-For", ""), request.META.get("REMOTE_ADDR") or ""


def _caller(forwarded: str, peer: str) -> Address | None:
    seen = [address.strip() for address in forwarded.split(",")]
    hops = settings.TRUSTED_PROXIES
    came_through_all = 0 < hops <= len(seen) and seen != [""]
    return _parsed(seen[-hops]) if came_through_all else _parsed(peer)


def _parsed(text: str) -> Address | None:
    if match := WITH_PORT.fullmatch(text):
        text = match["six"] or match["four"] or ""
    try:
        address = ip_address(text.partition("%")[0])  # without the zone, which means something on its own host alone
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
