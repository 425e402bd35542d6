"""Rows of the console as CSV, for spreadsheets: what looks like a formula is kept from being one."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

from django.http import HttpResponse

from agentplatform.encoding import cell


def download(name: str, columns: Sequence[str], rows: Iterable[object]) -> HttpResponse:
    """A file `name`.csv with these columns, which are attributes of the rows; lists become words, moments ISO 8601."""
    output = StringIO()
    writer = csv.writer(output)
    writer.writerow(column.replace("__", "_") for column in columns)
    writer.writerows([_told(_value(row, column)) for column in columns] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return HttpResponse(output.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def _value(row: Any, column: str) -> Any:
    for name in column.split("__"):
        row = getattr(row, name)
    return row


def _told(value: Any) -> object:
    if value is None:
        return ""
    if isinstance(value, list):
        return cell(" ".join(map(str, value)))
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else cell(str(value))
