"""Which IP addresses are of the public internet. What is not surely public is refused.

The ranges are those of IANA's registries of special-purpose addresses (RFC 6890 and its updates). `ipaddress` has such a
list too, but each Python its own.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(texts: str) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts.split()))


SPECIAL_IPV4 = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 "
    "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
    # Azure's, which has its machines' secrets, is no special address by the registry.
    "168.63.129.16/32"
)
PUBLIC_IPV6 = _networks("2000::/3")
# 2001::/23 has Teredo and ORCHID, 2002::/16 is 6to4: an IPv4 address of any kind may be inside.
SPECIAL_IPV6 = _networks("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
# An IPv4 address is inside of these, and is what is reached: it is judged in their place.
WITH_IPV4 = _networks("::ffff:0:0/96 64:ff9b::/96")
# What nobody means by the name of a host of theirs, even where its own network is permitted: link-local with the cloud's
# metadata, multicast, unspecified, reserved.
NEVER_BY_NAME = _networks(
    "0.0.0.0/8 169.254.0.0/16 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32 100.100.100.200/32 "
    "::/128 fe80::/10 ff00::/8 fd00:ec2::254/128 fd20:ce::254/128"
)


def reached(address: Address) -> Address:
    """The address that a packet to this one ends at, as far as its form tells."""
    if isinstance(address, IPv6Address) and within(address, WITH_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether the address, or the IPv4 address inside it, is one of the public internet."""
    address = reached(address)
    if isinstance(address, IPv4Address):
        return not within(address, SPECIAL_IPV4)
    return not address.scope_id and within(address, PUBLIC_IPV6) and not within(address, SPECIAL_IPV6)


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks has the address."""
    return any(address in network for network in networks)
