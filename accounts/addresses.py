"""Where a request comes from, when proxies that we trust stand before us."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The caller's address as the outermost trusted proxy saw it; an IPv6 one as its /64, which one subscriber holds.

    Each of the TRUSTED_PROXIES appends the address that it saw to X-Forwarded-For; what stands before those, anybody
    can make up. Empty when there is no address, as behind a Unix socket.
    """
    seen = [address.strip() for address in request.headers.get("X-Forwarded-For", "").split(",")]
    hops = settings.TRUSTED_PROXIES
    forwarded = seen[-hops] if 0 < hops <= len(seen) else ""
    return _network(forwarded) or _network(request.META.get("REMOTE_ADDR") or "")


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)
