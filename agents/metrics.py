"""What /metrics shows of the agents' tables."""

import time

from django.db.models import Count

from agentplatform.database import in_database
from agents.models import Task
from agents.usage import rollup

KEPT_SECONDS = 15.0
UNENDED = [status for status in Task.Status if status not in Task.FINAL]

_kept: tuple[float, dict[str, int]] = (-KEPT_SECONDS, {})


async def tasks_by_status() -> dict[str, int]:
    """How many tasks there are in each status, or ended in it, counted at most once in KEPT_SECONDS. Raises Unavailable."""
    global _kept
    counted_at, counts = _kept
    if time.monotonic() - counted_at >= KEPT_SECONDS:
        counts = await in_database(_counted)
        _kept = (time.monotonic(), counts)
    return counts


def forget() -> None:
    """Drop what is kept, so that the next call counts."""
    global _kept
    _kept = (-KEPT_SECONDS, {})


def _counted() -> dict[str, int]:
    """Unended tasks through their index; ended ones, all there ever were, from the roll-ups, which are few rows."""
    unended = Task.objects.filter(status__in=UNENDED).order_by().values_list("status").annotate(count=Count("pk"))
    return dict.fromkeys(Task.Status.values, 0) | dict(unended) | rollup.ended()
