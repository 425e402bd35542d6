"""`manage.py tail TASK`: a task's journal, line by line, as it is written."""

import json
import time
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import Event, Task

LOOK_SECONDS = 0.5
LONGEST = 160


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Print a task's journal as it is written, until the task has ended: one line an event, with what was said only where "
        "--content asks for it. The same events are in the logs of web servers and workers under the task's id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task", type=UUID, help="the task's id")
        parser.add_argument("--content", action="store_true", help="print what clients, models and tools said, too")
        parser.add_argument("--json", action="store_true", help="print each event as a JSON object")

    def handle(self, *_: Any, task: UUID, **options: Any) -> None:
        after = 0
        try:
            while True:
                row = Task.objects.filter(pk=task).only("status").first()
                if row is None:
                    raise CommandError(f"There is no task {task}.")
                # The events are read after the status, so those of an ended task are all there.
                found = Event.objects.filter(task_id=task, seq__gt=after).order_by("seq")
                for seq, at, kind, data in found.values_list("seq", "at", "type", "data"):
                    self.stdout.write(_line(seq, at, kind, data, **_chosen(options)))
                    after = seq
                if row.is_final:
                    return
                time.sleep(LOOK_SECONDS)
        except KeyboardInterrupt:
            self.stderr.write("The task goes on.")


def _chosen(options: dict[str, Any]) -> dict[str, bool]:
    return {"has_content": options["content"], "is_json": options["json"]}


def _line(seq: int, at: datetime, kind: str, data: dict[str, Any], *, has_content: bool, is_json: bool) -> str:
    if not has_content:
        data = {name: value for name, value in data.items() if name not in SAID}
    if is_json:
        return json.dumps(
            {"seq": seq, "at": at.isoformat(timespec="milliseconds"), "type": kind, **data}, ensure_ascii=False
        )
    told = "  ".join(
        f"{name}={_short(value)}" for name, value in data.items() if value not in (None, "", [], {}, False)
    )
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {seq:>4}  {kind:<18}  {told}".rstrip()


SAID = frozenset([
    "input", "text", "output", "result", "call", "tool_calls", "task", "turns", "summary", "comment", "what", "message",
])  # fmt: skip
"""Fields that hold what somebody said."""


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
