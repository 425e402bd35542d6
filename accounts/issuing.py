"""What a key may be. Every door that makes or changes keys asks here: console, API and commands."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug

from accounts.models.access import LIMITS, SCOPES, ApiKey, has_passed

MOST_NETWORKS = 100
MOST_AGENT_TYPES = 100


def faults(key: ApiKey) -> dict[str, str]:
    """What is wrong with the key's terms, by column; empty when nothing is."""
    return dict(_faults(key))


def _faults(key: ApiKey) -> Iterator[tuple[str, str]]:
    if unknown := _strangers(key.scopes, SCOPES):
        yield "scopes", f"{unknown} is unknown; it takes {', '.join(SCOPES)}."
    if wrong := [slug for slug in _texts(key.allowed_agent_types) if not _is_slug(slug)]:
        yield "allowed_agent_types", f"{wrong[0]!r} is no agent type; it takes slugs such as writer."
    elif len(key.allowed_agent_types) > MOST_AGENT_TYPES:
        yield "allowed_agent_types", f"At most {MOST_AGENT_TYPES} agent types."
    if sentence := network_fault(_texts(key.allowed_networks)):
        yield "allowed_networks", sentence
    if key._state.adding and has_passed(key.expires_at):  # noqa: SLF001  # Django's name for a row not yet saved
        yield "expires_at", "This is in the past; choose a moment to come, or leave it empty."
    yield from _wide_limits(key)


def _wide_limits(key: ApiKey) -> Iterator[tuple[str, str]]:
    """A limit of the key's own that its tier makes meaningless."""
    if not hasattr(key, "client"):
        return  # a form without a client has said so already
    tier = key.client.tier
    for column in LIMITS:
        own, most = getattr(key, column), getattr(tier, column)
        if own is not None and most is not None and own > most:
            yield column, f"The tier {tier} allows {most}; a key can only have less."


def network_fault(texts: Iterable[str]) -> str:
    """What is wrong with a list of networks; empty when nothing is."""
    networks = list(texts)
    for text in networks:
        try:
            ip_network(text)
        except ValueError:
            return f"{text[:50]!r} is no network; it takes addresses and CIDR such as 203.0.113.0/24 or 2001:db8::/32."
    return f"At most {MOST_NETWORKS} networks." if len(networks) > MOST_NETWORKS else ""


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else [str(values)]


def _strangers(values: object, known: Iterable[str]) -> str:
    return ", ".join(sorted(set(_texts(values)).difference(known)))


def _is_slug(text: str) -> bool:
    try:
        validate_slug(text)
    except ValidationError:
        return False
    return True
