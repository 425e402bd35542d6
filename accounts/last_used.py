"""When each key was last used: written at most once a minute, many keys in one UPDATE, never on a request's path."""

import asyncio
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey
from agentplatform.database import in_database
from agentplatform.errors import Unavailable

WRITTEN_EVERY = timedelta(minutes=1)
GATHERED_SECONDS = 1.0

_noted: set[UUID] = set()
_writing: set[asyncio.Task[None]] = set()


def is_due(key: ApiKey) -> bool:
    """Tell whether the key's last use was written long enough ago to be written again."""
    return key.last_used_at is None or key.last_used_at < timezone.now() - WRITTEN_EVERY


def note(key_id: UUID) -> None:
    """Have the key's use written soon, together with other keys'. Call it on the event loop."""
    _noted.add(key_id)
    if not _writing:
        task = asyncio.create_task(_write_noted())
        _writing.add(task)
        task.add_done_callback(_writing.discard)


async def _write_noted() -> None:
    while _noted:
        await asyncio.sleep(GATHERED_SECONDS)
        key_ids = frozenset(_noted)
        _noted.clear()
        try:
            await in_database(_write, key_ids)
        except Unavailable:
            return  # the next use notes it again


def _write(key_ids: frozenset[UUID]) -> None:
    """Leave out what another process wrote within the minute or is writing now."""
    now = timezone.now()
    due = ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=now - WRITTEN_EVERY), pk__in=key_ids)
    with transaction.atomic():
        free = due.order_by("pk").select_for_update(skip_locked=True).values("pk")
        ApiKey.objects.filter(pk__in=free).update(last_used_at=now)
