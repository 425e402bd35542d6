"""Which workers and sweepers run: each says so every few seconds, in PostgreSQL."""

import os
import socket
import threading
import time
from datetime import timedelta

from django.db.models.functions import Now

from agentplatform.database import run
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import leases
from agents.models import Process

SAY_SECONDS = 5.0
KEPT = timedelta(seconds=20)


def say(kind: str) -> None:
    """Say once that this process runs, and forget processes long silent."""
    name = f"{kind}@{socket.gethostname()}:{os.getpid()}"
    Process.objects.update_or_create(
        name=name, defaults={"kind": kind, "seen_at": Now(), "running_tasks": leases.count()}
    )
    Process.objects.filter(seen_at__lt=Now() - 3 * KEPT).delete()


def is_any(kind: str) -> bool:
    """Whether a process of the kind has been seen lately."""
    return Process.objects.filter(kind=kind, seen_at__gt=Now() - KEPT).exists()


def keep_saying(kind: str) -> None:
    """Say it from a thread until the process ends."""
    threading.Thread(target=_keep_saying, args=(kind,), name="presence", daemon=True).start()


def _keep_saying(kind: str) -> None:
    while True:
        try:
            run(say, kind)
        except Unavailable:
            log(__name__).warning("presence_not_said")
        except Exception:  # noqa: BLE001  # such as a table that is not migrated yet; said again in a moment
            log(__name__).exception("presence_failed")
        time.sleep(SAY_SECONDS)
