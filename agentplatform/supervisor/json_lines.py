"""Output in a pipe: one JSON object a line and nothing else, for a log collector or a test to read."""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from agentplatform.supervisor.announcement import Announcement

LEVEL = re.compile(r"\b(?:debug|info|warning|critical|fatal)\b|error", re.IGNORECASE)


class JsonLines:
    """Passes the children's JSON lines on unchanged and wraps every other line."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def line(self, process: str, text: str) -> None:
        """Pass a JSON object on as it is; wrap anything else, named after its process."""
        if is_json_object(text):
            self._write(text + "\n")
        else:
            level = LEVEL.search(text)
            self.news(text, level=level.group().lower() if level else "info", process=process)

    def news(self, event: str, *, level: str = "info", **facts: object) -> None:
        """Write one object with time, level, event and its facts."""
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self._write(json.dumps({"timestamp": now, "level": level, "event": event, **facts}, default=str) + "\n")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Write that the step began and, when it succeeded, how long it took."""
        began = time.monotonic()
        self.news("platform_step_started", step=name)
        yield
        self.news("platform_step_done", step=name, seconds=round(time.monotonic() - began, 2))

    def ready(self, announcement: Announcement) -> None:
        """Write the announcement as one object."""
        self.news("platform_ready", **asdict(announcement))


def is_json_object(text: str) -> bool:
    """Tell whether the line is a structured log line."""
    return parsed(text) is not None


def parsed(text: str) -> dict[str, Any] | None:
    """Give the line's JSON object, or None when it is anything else."""
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
