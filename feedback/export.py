"""Feedback as rows for other programs: JSON lines or CSV."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

from agentplatform.encoding import cell, encoded
from feedback.models import Feedback

Row = dict[str, Any]


class Output(Protocol):
    """Where text goes: a file, or a command's stdout."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


ROWS_AT_ONCE = 1000
COLUMNS = (
    "task_id", "client", "agent_type", "agent_version", "model", "rating", "comment", "tags", "correction",
    "created_at", "updated_at",
)  # fmt: skip


def rows(*, since: datetime | None = None, agent_type: str | None = None) -> Iterator[Row]:
    """Everything said, the oldest first, without ever holding all of it; `since` goes by when it was last said."""
    found = Feedback.objects.select_related("task__agent_version", "client").order_by("created_at", "pk")
    if since:
        found = found.filter(updated_at__gte=since)
    if agent_type:
        found = found.filter(task__agent_type=agent_type)
    return map(_row, found.iterator(ROWS_AT_ONCE))


def _row(feedback: Feedback) -> Row:
    task = feedback.task
    values = (
        str(task.pk), feedback.client.name, task.agent_type, task.agent_version.number, task.model, feedback.rating,
        feedback.comment, feedback.tags, feedback.correction, feedback.created_at.isoformat(), feedback.updated_at.isoformat(),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def write_jsonl(found: Iterable[Row], output: Output) -> int:
    """One JSON object a line; gives the number of rows."""
    count = 0
    for count, row in enumerate(found, start=1):  # noqa: B007  # the count is wanted after the loop
        output.write(encoded(row).decode() + "\n")
    return count


def write_csv(found: Iterable[Row], output: Output) -> int:
    """A header and one record a row, tags joined with `|`; a text that a spreadsheet would run gets a ' before it."""
    writer = csv.DictWriter(output, COLUMNS)
    writer.writeheader()
    count = 0
    for count, row in enumerate(found, start=1):  # noqa: B007  # the count is wanted after the loop
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return count


def _cell(value: Any) -> Any:
    return cell("|".join(value) if isinstance(value, list) else value)


WRITERS: dict[str, Callable[[Iterable[Row], Output], int]] = {"jsonl": write_jsonl, "csv": write_csv}
