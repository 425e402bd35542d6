"""Where the platform does not go. The table is that of docs/tools.md, row by row."""

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.egress import client, permits, targets
from agents.egress.addresses import WITH_IPV4, is_public
from agents.egress.errors import EgressError, Refused, Unreachable
from tests.agents.egress.conftest import Names, Place

DOCUMENT = Path(__file__).parents[3] / "docs" / "tools.md"
TABLE = re.compile(r"## What the web tools refuse\n(.*?)\n## ", re.DOTALL)
ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|[rn])")


def rows() -> list[tuple[str, ...]]:
    """Of each row: what it is, the address, the addresses that its name leads to, and what the refusal says."""
    [table] = TABLE.findall(DOCUMENT.read_text())
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ") and "`" in line]
    return [tuple(ESCAPE.sub(_character, cell.strip(" `").replace("`", "")) for cell in line) for line in lines]


def _character(escape: re.Match[str]) -> str:
    return escape[0].encode().decode("unicode_escape")


def fetch(url: str, **more: object) -> EgressError | client.Answer:
    async def asked() -> EgressError | client.Answer:
        try:
            return await client.request("GET", url, **more)  # type: ignore[arg-type]  # what request takes
        except EgressError as error:
            return error

    return asyncio.run(asked())


@pytest.mark.parametrize(("kind", "address", "leads_to", "told"), rows(), ids=lambda text: text[:40])
def test_the_table_holds(
    names: Names, connections: list[Place], kind: str, address: str, leads_to: str, told: str
) -> None:
    if leads_to:
        names.lead(targets.read(address, ()).host, leads_to)

    refused = fetch(address)

    assert type(refused) is Refused
    assert told in str(refused)
    assert not [each for each in leads_to.split(", ") if each and each in str(refused)]
    assert connections == []
    assert names.asked == ([targets.read(address, ()).host] if leads_to else [])


def test_the_table_has_every_kind() -> None:
    kinds = {kind for kind, *_ in rows()}
    assert len(rows()) >= 60
    assert len(kinds) >= 25


def test_public_addresses_are_none_of_these(names: Names, connections: list[Place]) -> None:
    names.lead("example.com", "93.184.216.34, 2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert isinstance(fetch("http://example.com/"), Unreachable)
    assert {host for host, _ in connections} == {"93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"}


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_wrapped(address: object) -> None:
    from ipaddress import IPv4Address, IPv6Address

    assert isinstance(address, IPv4Address)
    for network in WITH_IPV4:
        assert is_public(IPv6Address(int(network.network_address) | int(address))) == is_public(address)


@given(st.text(max_size=40), st.sampled_from(["http://", "https://", "http:", "", "//"]))
def test_any_text_is_read_or_refused(text: str, before: str) -> None:
    try:
        target = targets.read(before + text, ())
    except Refused:
        return
    assert targets.read(str(target.url), ()) == target


@pytest.mark.parametrize(
    ("entry", "permitted", "not_permitted"),
    [
        ("10.1.0.0/16", ["http://10.1.2.3/", "https://10.1.2.3/"], ["http://10.2.0.1/", "http://10.1.2.3:8080/"]),
        ("10.1.0.7:8080", ["http://10.1.0.7:8080/"], ["http://10.1.0.7/", "http://10.1.0.8:8080/"]),
        ("10.1.0.7:*", ["http://10.1.0.7:8080/", "http://10.1.0.7/"], ["http://10.1.0.8/"]),
        ("[fd00::/8]:8080", ["http://[fd00::1]:8080/"], ["http://[fd00::1]/", "http://[fe80::1]:8080/"]),
        ("10.0.0.0/8", ["http://[::ffff:10.0.0.1]/"], ["http://[2002:a00:1::]/"]),
        ("wiki:8080", ["http://wiki:8080/", "http://WIKI:8080/"], ["http://wiki/", "http://wiki.example.com:8080/"]),
        ("private.example.com", ["http://private.example.com/"], ["http://other.example.com/"]),
        ("public.example.com:8443", ["https://public.example.com:8443/"], ["https://public.example.com:8444/"]),
    ],
)
def test_operators_permit_hosts_and_networks(
    names: Names, connections: list[Place], entry: str, permitted: list[str], not_permitted: list[str]
) -> None:
    for name in ("wiki", "wiki.example.com", "private.example.com", "other.example.com"):
        names.lead(name, "10.3.0.1")
    names.lead("public.example.com", "93.184.216.34")
    allowed = (permits.parse(entry),)

    for url in not_permitted:
        assert type(fetch(url, permits=allowed)) is Refused, url
    assert connections == []
    for url in permitted:
        assert type(fetch(url, permits=allowed)) is Unreachable, url
    assert len(connections) == len(permitted)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "fe80::1", "224.0.0.1", "::"])
def test_a_permitted_name_does_not_lead_to_metadata(names: Names, connections: list[Place], address: str) -> None:
    names.lead("wiki.internal", address)
    assert isinstance(fetch("http://wiki.internal/", permits=(permits.parse("wiki.internal"),)), Refused)
    assert connections == []


@pytest.mark.parametrize(
    "entry", ["", "a b", "*.internal", "http://x", "10.1.2.3/8", "x:0", "x:99999", "[wiki]:80", "127.1"]
)
def test_a_permit_that_means_nothing_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="it takes hosts and networks such as"):
        permits.parse(entry)
