"""A connection to addresses that were judged, and to no others."""

import asyncio
import socket
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from ipaddress import IPv6Address, ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType

from agents.egress.addresses import Address
from agents.egress.errors import Refused, Unreachable
from agents.egress.permits import Permits, objection
from agents.egress.targets import Target

LOOKUP_THREADS = 8
MAX_ADDRESSES = 32


async def connector_to(target: Target, permits: Permits, *, within_seconds: float) -> aiohttp.TCPConnector:
    """What connects to the target and nowhere else: its host is looked up here, once, and every address judged.

    Raises Refused when one of its addresses is not allowed, Unreachable when it has none.
    """
    addresses = (target.literal,) if target.literal else await _addresses(target.host, target.port, within_seconds)
    for address in addresses:
        if wrong := objection(target.host, address, target.port, permits):
            raise Refused(wrong)
    return aiohttp.TCPConnector(
        resolver=_Judged(target.host, addresses),
        use_dns_cache=False,
        force_close=True,
        socket_factory=partial(_socket, frozenset(addresses)),
    )


class _Judged(AbstractResolver):
    """Gives the addresses that were judged; nothing is looked up a second time."""

    def __init__(self, host: str, addresses: Collection[Address]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise PermissionError("This connection is another host's.")
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


def _socket(judged: frozenset[Address], info: AddrInfoType) -> socket.socket:
    """The last look, right before connecting: literal addresses pass by no resolver."""
    family, kind, protocol, _, place = info
    if ip_address(place[0]) not in judged:
        raise PermissionError("This address was not judged.")
    return socket.socket(family, kind, protocol)


async def _addresses(host: str, port: int, within_seconds: float) -> tuple[Address, ...]:
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    looked_up = asyncio.get_running_loop().run_in_executor(_lookups(), look_up)
    try:
        found = await asyncio.wait_for(looked_up, within_seconds)
        addresses = tuple(dict.fromkeys(ip_address(place[0]) for *_, place in found))
    except (OSError, UnicodeError, ValueError) as error:
        raise Unreachable(f"{host} was not found: there is no such host, or it cannot be looked up now.") from error
    if not addresses or len(addresses) > MAX_ADDRESSES:
        raise Unreachable(f"{host} has no usable address.")
    return addresses


@lru_cache(maxsize=1)
def _lookups() -> ThreadPoolExecutor:
    """Threads of their own: a name server that hangs holds up other look-ups, and nothing else."""
    return ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="egress-lookup")
