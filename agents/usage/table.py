"""Usage as CSV: one record for each day, agent and key."""

import csv
from collections.abc import Iterable
from datetime import date
from io import StringIO

from django.http import HttpResponse

from agentplatform.encoding import cell
from agents.presenting import money
from agents.usage.reading import Line

COLUMNS = (
    "date", "agent_type", "key_id", "key_name", "key_prefix", "requests", "completed", "failed", "cancelled", "cached",
    "input_tokens", "output_tokens", "cost_usd",
)  # fmt: skip


def response(lines: Iterable[Line], first: date, last: date) -> HttpResponse:
    """The lines as a file to be kept."""
    name = f"usage-{first}-{last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text(lines), content_type="text/csv; charset=utf-8", headers=headers)


def text(lines: Iterable[Line]) -> str:
    """A header, and a record for each line."""
    output = StringIO()
    writer = csv.writer(output)
    writer.writerow(COLUMNS)
    writer.writerows(_record(line) for line in lines)
    return output.getvalue()


def _record(line: Line) -> list[object]:
    key, used = line.key, line.figures
    return [
        line.day, line.agent_type, key.id, cell(key.name), key.prefix, used.requests, used.completed, used.failed,
        used.cancelled, used.cached, used.input_tokens, used.output_tokens, money(used.cost_usd),
    ]  # fmt: skip
