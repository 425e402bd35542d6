"""From a key to its caller. What the database said is kept for seconds, for unknown keys too: a flood costs it nothing.

An entry lives KEPT_SECONDS from before its query began, so a revoked key stops in every process within that time.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from django.db.models import OuterRef

from accounts import keys, last_used
from accounts.limiter.values import DAY_SECONDS, Limit, Name
from accounts.models import ApiKey, has_passed
from accounts.money import budgets
from agentplatform.database import in_database
from agentplatform.errors import Unauthenticated

K = TypeVar("K")
T = TypeVar("T")
Network = IPv4Network | IPv6Network
KEYS_SCOPE = "keys"
MINUTE_SECONDS = 60
LEASE_SECONDS = 90  # of a slot for one of the tasks at once
KEPT_SECONDS = 4.0
KEPT_AT_MOST = 10_000
STRANGERS_AT_ONCE = 2
NO_SUCH_KEY = "This API key does not exist or was revoked."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the client, the key it used, and what both may. Empty sets mean no restriction, but see `has_scope`."""

    client_id: UUID
    key_id: UUID
    client_name: str
    key_prefix: str
    tier: str
    limits: tuple[Limit, ...]
    scopes: frozenset[str]
    allowed_agent_types: frozenset[str]
    allowed_networks: tuple[Network, ...]
    expires_at: datetime | None
    is_admitted: bool = True
    """False for a key that was revoked or switched off, or whose client was: it is known, for the record alone."""
    has_budgets: bool = False
    guard_mode: str = ""
    """The tier's, in place of the agents' own; empty for these."""
    masking: str = ""

    def has_scope(self, scope: str) -> bool:
        """Tell whether the key may do this. A key without scopes may do everything but make keys, which must be said."""
        return scope in self.scopes or (not self.scopes and scope != KEYS_SCOPE)


# Apart, so that a flood of made-up keys cannot push out the real ones. Both: digest -> (kept until, what).
_known: dict[bytes, tuple[float, Caller]] = {}
_unknown: dict[bytes, tuple[float, None]] = {}
_limits: dict[UUID, tuple[float, tuple[Limit, ...]]] = {}
# A look-up belongs to its event loop, and so does the gate for keys that were never seen.
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_under_way: dict[tuple[asyncio.AbstractEventLoop, bytes], asyncio.Task[Caller | None]] = {}


class KnownKeyRefused(Unauthenticated):
    """A key that is known and may not come in: expired, revoked or switched off. `caller` says whose it is."""

    def __init__(self, code: str, detail: str, caller: Caller) -> None:
        super().__init__(code, detail)
        self.caller = caller
        self.members["rule"] = code


async def caller_for(secret: str) -> Caller:
    """Give the caller that the key belongs to, as the database had it at most KEPT_SECONDS ago.

    Raises Unauthenticated, or Unavailable when the database is needed and away.
    """
    if not secret:
        raise Unauthenticated("missing_key", "Send your API key as “Authorization: Bearer <key>”.")
    caller = await _found(keys.digest(secret)) if keys.is_wellformed(secret) else None
    if caller is None:
        raise Unauthenticated("invalid_key", NO_SUCH_KEY)
    if not caller.is_admitted:
        raise KnownKeyRefused("invalid_key", NO_SUCH_KEY, caller)
    if has_passed(caller.expires_at):
        ended = f"This API key expired at {caller.expires_at:%Y-%m-%dT%H:%M:%SZ}."
        raise KnownKeyRefused("expired_key", ended, caller)
    return caller


def was_seen(secret: str) -> bool:
    """Tell whether this process has seen that the key exists, however long ago."""
    return keys.is_wellformed(secret) and keys.digest(secret) in _known


async def kept_limits(key_id: UUID | None) -> tuple[Limit, ...]:
    """The limits that hold for a key, whatever its state, as the database had them at most KEPT_SECONDS ago.

    For tasks that were accepted elsewhere. Raises Unavailable.
    """
    if key_id is None:
        return ()
    until, found = _limits.get(key_id, (0.0, ()))
    if time.monotonic() >= until:
        until, found = time.monotonic() + KEPT_SECONDS, await in_database(_query_limits, key_id)
        _limits.pop(key_id, None)
        _keep(_limits, key_id, (until, found))
    return found


def forget() -> None:
    """Drop everything kept, so that the next call of each key asks the database."""
    _known.clear()
    _unknown.clear()
    _limits.clear()


async def _found(digest: bytes) -> Caller | None:
    known = _known.get(digest)
    until, caller = known or _unknown.get(digest) or (0.0, None)
    return caller if time.monotonic() < until else await _joined(digest, is_known=known is not None)


async def _joined(digest: bytes, *, is_known: bool) -> Caller | None:
    """One query at a time for a key, however many calls wait for it; a call that goes away does not stop it."""
    flight = (asyncio.get_running_loop(), digest)
    if (task := _under_way.get(flight)) is None:
        task = _under_way[flight] = asyncio.create_task(_asked(digest) if is_known else _introduced(digest))
        task.add_done_callback(lambda _: _under_way.pop(flight))
    return await asyncio.shield(task)


async def _introduced(digest: bytes) -> Caller | None:
    """A key never seen here waits its turn: made-up ones, however many, leave most of the database's threads alone."""
    gate = _gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(STRANGERS_AT_ONCE))
    async with gate:
        return await _asked(digest)


async def _asked(digest: bytes) -> Caller | None:
    until = time.monotonic() + KEPT_SECONDS
    key = await in_database(_query, digest)
    _known.pop(digest, None)
    _unknown.pop(digest, None)
    if key is None:
        _keep(_unknown, digest, (until, None))
        return None
    caller = _caller(key)
    if caller.is_admitted and last_used.is_due(key):
        last_used.note(key.pk)
    _keep(_known, digest, (until, caller))
    return caller


def _keep(kept: dict[K, T], name: K, entry: T) -> None:
    kept[name] = entry
    if len(kept) > KEPT_AT_MOST:
        del kept[next(iter(kept))]


def _query(digest: bytes) -> ApiKey | None:
    keys_told = ApiKey.objects.select_related("client__tier")
    return keys_told.annotate(has_budgets=budgets.active(OuterRef("client_id"))).filter(digest=digest).first()


def _query_limits(key_id: UUID) -> tuple[Limit, ...]:
    key = ApiKey.objects.select_related("client__tier").filter(pk=key_id).first()
    return tuple(limits_of(key)) if key else ()


def _caller(key: ApiKey) -> Caller:
    client = key.client
    return Caller(
        client_id=client.pk,
        key_id=key.pk,
        client_name=client.name,
        key_prefix=key.prefix,
        tier=client.tier.slug,
        limits=tuple(limits_of(key)),
        scopes=frozenset(key.scopes),
        allowed_agent_types=frozenset(key.allowed_agent_types),
        allowed_networks=tuple(map(ip_network, key.allowed_networks)),
        expires_at=key.expires_at,
        is_admitted=key.is_active and key.revoked_at is None and client.is_active,
        has_budgets=getattr(key, "has_budgets", False),
        guard_mode=client.tier.guard_mode,
        masking=client.masking,
    )


def limits_of(key: ApiKey) -> Iterator[Limit]:
    """The limits that hold for a key: its client's, shared with the client's other keys, and its own."""
    tier = key.client.tier
    # In a Redis cluster the braces keep a client's logs on one node, where one script can reach them all.
    owner = f"{{{key.client_id}}}"
    names: dict[Name, tuple[str, int]] = {
        "requests": ("requests", tier.window_seconds),
        "tokens": ("tokens_per_minute", MINUTE_SECONDS),
        "concurrency": ("concurrency", LEASE_SECONDS),
        "daily_requests": ("daily_requests", DAY_SECONDS),
    }
    for name, (column, seconds) in names.items():
        if (most := getattr(tier, column)) is not None:
            yield Limit(name, most, seconds, owner, f"tier {tier.slug}")
        if (most := getattr(key, column)) is not None:
            yield Limit(name, most, seconds, f"{owner}:{key.family}", "this key")
