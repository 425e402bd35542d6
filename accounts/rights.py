"""What a key may do, and whether that is within what another may: no key gives more than it has itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import Any, Self

from accounts.models import LIMITS, SCOPES, ApiKey
from agentplatform.errors import FieldError

UNRESTRICTED_SCOPES = frozenset(SCOPES) - {"keys"}


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key may do. Empty agent types and networks mean all; None means no limit, and no end."""

    scopes: frozenset[str]
    agent_types: frozenset[str]
    networks: tuple[str, ...]
    expires_at: datetime | None
    limits: tuple[int | None, ...]

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """The rights of a key, its client's limits aside."""
        return cls(
            scopes=frozenset(key.scopes) or UNRESTRICTED_SCOPES,
            agent_types=frozenset(key.allowed_agent_types),
            networks=tuple(key.allowed_networks),
            expires_at=key.expires_at,
            limits=tuple(getattr(key, column) for column in LIMITS),
        )

    def beyond(self, other: "Rights") -> Iterator[FieldError]:
        """Where these rights go beyond another's, as errors in the fields that say so."""
        if more := self.scopes - other.scopes:
            yield _too_much("scopes", _listed(more), f"it has {_listed(other.scopes)}")
        if other.agent_types and (more := self.agent_types - other.agent_types or _all(self.agent_types)):
            yield _too_much("allowed_agent_types", _listed(more), f"it may call {_listed(other.agent_types)}")
        if other.networks and (outside := _outside(self.networks, other.networks)):
            yield _too_much("allowed_networks", _listed(outside), f"it may be used from {_listed(other.networks)}")
        if other.expires_at and (self.expires_at is None or self.expires_at > other.expires_at):
            ends = f"{other.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            yield _too_much("expires_at", "a later end", f"it expires at {ends}")
        for column, own, most in zip(LIMITS, self.limits, other.limits, strict=True):
            if most is not None and (own is None or own > most):
                yield _too_much(column, "more" if own is None else str(own), f"it has {most}")


def _all(chosen: frozenset[str]) -> frozenset[str]:
    return frozenset() if chosen else frozenset({"every agent type"})


def _outside(networks: Iterable[str], allowed: Iterable[str]) -> list[str]:
    ranges: list[Any] = [ip_network(text) for text in allowed]
    chosen: list[Any] = [ip_network(text) for text in networks]
    if not chosen:
        return ["everywhere"]
    return [
        str(network)
        for network in chosen
        if not any(network.version == each.version and network.subnet_of(each) for each in ranges)
    ]


def _too_much(field: str, asked: str, has: str) -> FieldError:
    return FieldError(field, "max_value", f"A key cannot give what it does not have itself ({asked}): {has}.")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
