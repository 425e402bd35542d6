"""The admitted requests of a client, for previews of changed limits. `settings.DECISIONS` names `admitted`."""

from datetime import datetime
from uuid import UUID

from django.db.models.functions import Coalesce, Now

from accounts.preview.arrivals import Arrival, microseconds
from agents.models import Task

COLUMNS = ("pk", "api_key_id", "created_at", "input_tokens", "output_tokens", "cost_usd", "ended_at")


def admitted(client_id: UUID, since: datetime, most: int) -> list[Arrival]:
    """The client's newest tasks since then, at most so many, the oldest first. One that has not ended lasts until now."""
    tasks = Task.objects.filter(client_id=client_id, created_at__gte=since).order_by("-created_at", "-id")
    rows = tasks.annotate(ended_at=Coalesce("completed_at", Now())).values_list(*COLUMNS)[:most]
    return [
        Arrival(
            id=str(pk),
            key_id=key_id,
            at_us=microseconds(created_at),
            tokens=sent + received,
            lasts_us=microseconds(ended_at) - microseconds(created_at),
            cost_usd=cost_usd,
        )
        for pk, key_id, created_at, sent, received, cost_usd, ended_at in reversed(rows)
    ]
