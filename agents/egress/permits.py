"""What operators permit beyond the web ports of the public internet: hosts and networks. None, unless a setting names some."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

from agents.egress.addresses import NEVER_BY_NAME, Address, Network, is_public, reached, within

WEB_PORTS = frozenset({80, 443})
ENTRY = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^\[\]:]+))(?::(?P<port>\*|[1-9][0-9]{0,4}))?")
# Letters, digits and hyphens, as DNS has them, and the underscores of local names; no last label that could be a number.
NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
FORMS = "it takes hosts and networks such as searx.internal:8080, 10.1.0.0/16, [fd00::/8]:8443 or 10.1.0.7:*"


@dataclass(frozen=True, slots=True)
class Permit:
    """One host by its name, or one network; on these ports, or on any (None)."""

    host: str = ""
    network: Network | None = None
    ports: frozenset[int] | None = WEB_PORTS

    def names(self, host: str, port: int) -> bool:
        """Whether it is this host's."""
        return host == self.host and (self.ports is None or port in self.ports)

    def covers(self, address: Address, port: int) -> bool:
        """Whether its network has the address."""
        return self.network is not None and address in self.network and (self.ports is None or port in self.ports)


Permits = tuple[Permit, ...]


def parse(entry: str) -> Permit:
    """Read a host or a network, with `:port`, with `:*`, or for 80 and 443. Raises ValueError, which says what it takes."""
    text = entry.strip().lower()
    match = ENTRY.fullmatch(text)
    place, port = (match["bracketed"] or match["plain"], match["port"]) if match else (text, None)
    ports = WEB_PORTS if port is None else None if port == "*" else frozenset({int(port)})
    if ports is None or max(ports) <= 65_535:
        try:
            return Permit(network=ip_network(place), ports=ports)
        except ValueError:
            if NAME.fullmatch(place) and match and not match["bracketed"]:
                return Permit(host=place, ports=ports)
    raise ValueError(f"{entry!r} is neither a host nor a network; {FORMS}.")


def of_url(url: str) -> Permits:
    """The permit to reach the host of a URL that an operator has set, on its port."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    return (parse(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"),)


def is_named(host: str, port: int, permits: Permits) -> bool:
    """Whether a permit has this host by its name."""
    return any(permit.names(host, port) for permit in permits)


def objection(host: str, address: Address, port: int, permits: Permits) -> str:
    """What is wrong with going to the host at this address, or nothing. It does not tell the address."""
    address = reached(address)
    if any(permit.covers(address, port) for permit in permits):
        return ""
    if is_named(host, port, permits) and not within(address, NEVER_BY_NAME):
        return ""
    if not is_public(address):
        return f"{host} is not on the public internet."
    if port not in WEB_PORTS:
        return f"{host} may be asked on the ports 80 and 443 alone, not on {port}."
    return ""
