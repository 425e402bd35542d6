"""Previews of changed tiers and keys: what would the last days have been under the new limits?"""

import copy
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.callers import limits_of
from accounts.limiter.values import Limit
from accounts.models import ApiKey, Client, Tier
from accounts.preview.arrivals import recorded
from accounts.preview.replay import Comparison, Limits, Replay, compared

MOST_ARRIVALS = 100_000
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Preview:
    """The differences, in all and by client; `left_out` are clients for which the time did not suffice."""

    since: datetime
    total: Comparison = field(default_factory=Comparison)
    by_client: list[tuple[Client, Comparison]] = field(default_factory=list)
    cut: list[Client] = field(default_factory=list)
    left_out: list[Client] = field(default_factory=list)

    def add(self, client: Client, found: Comparison) -> None:
        """Take in what was found of one client."""
        self.total.add(found)
        if found.refused.count or found.admitted.count:
            self.by_client.append((client, found))


def of_tier(changed: Tier) -> Preview:
    """What a changed tier, not saved yet, would have decided otherwise for its clients."""
    return _preview(changed.clients.order_by("name"), tier=changed)


def of_key(changed: ApiKey) -> Preview:
    """What a changed key, not saved yet, would have decided otherwise for its client."""
    return _preview([changed.client], key=changed)


def _preview(clients: Iterable[Client], *, tier: Tier | None = None, key: ApiKey | None = None) -> Preview:
    preview = Preview(timezone.now() - timedelta(days=settings.PREVIEW_DAYS))
    began = time.monotonic()
    for client in clients:
        if time.monotonic() - began > PATIENCE_SECONDS:
            preview.left_out.append(client)
            continue
        arrivals = recorded(client.pk, preview.since, MOST_ARRIVALS)
        if len(arrivals) >= MOST_ARRIVALS:
            preview.cut.append(client)
        keys = {each.pk: each for each in ApiKey.objects.filter(client=client)}
        changed_keys = {**keys, key.pk: key} if key else keys
        present = Tier.objects.get(pk=client.tier_id)
        rules = (_limits(client, present, keys), _limits(client, tier or present, changed_keys))
        preview.add(client, compared(arrivals, *map(Replay, rules)))
    return preview


def _limits(client: Client, tier: Tier, keys: Mapping[UUID, ApiKey]) -> Limits:
    owner = copy.copy(client)
    owner.tier = tier
    return {None: _of(ApiKey(), owner), **{pk: _of(key, owner) for pk, key in keys.items()}}


def _of(key: ApiKey, owner: Client) -> list[Limit]:
    key = copy.copy(key)
    key.client = owner
    return list(limits_of(key))
