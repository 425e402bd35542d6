"""Ends this process at a named place, such as `before:append`, `within:append`, `after:claim` or `before:publish`.

The names are those of the units of work that agentplatform.database runs; `within` is right after one of its writing
statements, with the transaction still open. The harness arms a point by writing a file, `{"point": "after:claim", "nth": 5}`;
whichever process of the part sees the file first takes it, and ends itself the fifth time it comes by.
"""

import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

CONTROL = "CHAOS_CONTROL"
STATUS = 86
WRITES = ("INSERT", "UPDATE", "DELETE")


class CrashPoints:
    """The points of one process, and the one that is armed."""

    def __init__(self, control: Path) -> None:
        self.control = control
        self.point = ""
        self.left = 0

    def look(self) -> None:
        """Take the order that lies there, if any."""
        taken = self.control.with_suffix(f".{os.getpid()}")
        try:
            self.control.rename(taken)
        except OSError:
            return
        order = json.loads(taken.read_text())
        self.point, self.left = order["point"], order["nth"]

    def come_by(self, point: str) -> None:
        """End the process when this is the armed point, for the last time."""
        if point != self.point:
            return
        self.left -= 1
        if self.left <= 0:
            self.control.with_suffix(".fired").open("a").write(f"{point} {os.getpid()}\n")
            os._exit(STATUS)


def install(control: Path) -> CrashPoints:
    """Watch every unit of work of this process. Call it before Django is set up."""
    from django.conf import settings

    _ = settings.DATABASE_THREADS  # the settings make the folder of the metrics, which the next import counts in
    from agentplatform import database

    points, original = CrashPoints(control), database.run

    def watched(work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        name = getattr(work, "__name__", "work")
        points.look()
        points.come_by(f"before:{name}")
        with _watching(points, f"within:{name}"):
            done = original(work, *args, **kwargs)
        points.come_by(f"after:{name}")
        return done

    database.run = watched
    return points


def watch_messages(points: CrashPoints) -> None:
    """Watch what this process sends to the broker."""
    from agentplatform.celery import app

    original = app.send_task

    def watched(*args: Any, **kwargs: Any) -> Any:
        points.look()
        points.come_by("before:publish")
        done = original(*args, **kwargs)
        points.come_by("after:publish")
        return done

    vars(app)["send_task"] = watched


def _watching(points: CrashPoints, point: str) -> Any:
    if points.point != point:
        return nullcontext()
    from django.db import connection

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        done = run(sql, params, many, context)
        if sql.lstrip().upper().startswith(WRITES):
            points.come_by(point)
        return done

    return connection.execute_wrapper(execute)
