"""Requests as they arrived at the limiter in the last days: the admitted ones are tasks, the others are in the refusals' record.

The tasks are no business of this app: whoever keeps them gives the admitted ones, by the name in settings.DECISIONS.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import Refusal

MICROSECONDS = 1_000_000
EXECUTE_PATH = "/agent/execute"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: when it came, with which key, and what its task used, or would have used."""

    id: str
    key_id: UUID | None
    at_us: int
    tokens: int = 0
    lasts_us: int = 0
    cost_usd: Decimal = Decimal(0)
    was_admitted: bool = True


Admitted = Callable[[UUID, datetime, int], list[Arrival]]


def recorded(client_id: UUID, since: datetime, most: int, *, code: str = "rate_limited") -> list[Arrival]:
    """A client's requests in the order in which they came; the newest `most` admitted, and as many refused with `code`."""
    admitted: Admitted = import_string(settings.DECISIONS)
    tasks = admitted(client_id, since, most)
    usual = _usual(tasks)
    refused = [
        replace(usual, id=f"refused-{pk}", key_id=key_id, at_us=microseconds(at))
        for pk, key_id, at in _refused(client_id, since, most, code)
    ]
    return list(heapq.merge(tasks, refused, key=lambda arrival: arrival.at_us))


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * MICROSECONDS)


def _refused(client_id: UUID, since: datetime, most: int, code: str) -> Sequence[tuple[int, UUID, datetime]]:
    rows = Refusal.objects.filter(client_id=client_id, at__gte=since, code=code, path=EXECUTE_PATH)
    # What refused other calls, which share a limit of their own, is not what is previewed.
    rows = rows.exclude(rule__in=("calls", "estimates"))
    return list(rows.order_by("-at").values_list("pk", "api_key_id", "at")[:most])[::-1]


def _usual(tasks: Sequence[Arrival]) -> Arrival:
    """What a refused request is taken for: the average of the client's tasks."""
    count = len(tasks) or 1
    return Arrival(
        id="",
        key_id=None,
        at_us=0,
        tokens=round(sum(task.tokens for task in tasks) / count),
        lasts_us=round(sum(task.lasts_us for task in tasks) / count),
        cost_usd=sum((task.cost_usd for task in tasks), Decimal(0)) / count,
        was_admitted=False,
    )
