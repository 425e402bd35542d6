"""GET /agent/usage: what the caller's client used, and what is left."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

from django.http import HttpResponse
from rest_framework.request import Request

from accounts import limits
from accounts.permissions import KeyView
from accounts.schemas import LimitObject
from agentplatform.database import in_database
from agentplatform.errors import FieldError, InvalidRequest
from agentplatform.rendering import CsvRenderer, JSONRenderer, json_response
from agents.usage import documentation, reading, table
from agents.usage.reading import Report
from agents.usage.schemas import Usage, UsageOfAgentType, UsageOfDay, UsageOfKey, UsageQuery

DAYS_BEFORE = timedelta(days=29)


class UsageView(KeyView):
    """What your client used."""

    scope = "usage"
    with_query = frozenset({"GET"})
    renderer_classes = (JSONRenderer, CsvRenderer)

    @documentation.usage
    async def get(self, request: Request) -> HttpResponse:
        query = self.query(UsageQuery)
        first, last = _days(query)
        client_id = self.request.caller.client_id
        if (query.format or self.request.accepted_renderer.format) == CsvRenderer.format:
            return table.response(await in_database(reading.lines, client_id, first, last), first, last)
        used = await in_database(reading.report, client_id, first, last)
        left = await limits.standings(self.request.caller, "requests")
        return json_response(_shown(used, left, first, last))


def _days(query: UsageQuery) -> tuple[date, date]:
    last = query.to or max(datetime.now(UTC).date(), query.from_ or date.min)
    first = query.from_ or (last - DAYS_BEFORE if last - date.min > DAYS_BEFORE else date.min)
    if first > last:
        raise InvalidRequest([FieldError("from", "max_value", f"It must not be after “to”, which is {last}.")])
    return first, last


def _shown(used: Report, left: tuple[limits.Standing, ...], first: date, last: date) -> Usage:
    return Usage.of(
        used.total,
        from_=first,
        to=last,
        limits=[LimitObject(**asdict(standing)) for standing in left],
        by_day=[UsageOfDay.of(figures, date=day) for day, figures in used.by_day],
        by_agent_type=[UsageOfAgentType.of(figures, agent_type=slug) for slug, figures in used.by_agent_type],
        by_key=[UsageOfKey.of_key(key, figures) for key, figures in used.by_key],
    )
