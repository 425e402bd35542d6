"""`manage.py runsweeper`: mend, every second, what went wrong elsewhere."""

import asyncio
import contextlib
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agentplatform.database import run
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import presence, sweeper
from agents.webhooks import sender

FORGET_SECONDS = 30.0
PATIENCE_SECONDS = 1.0
"""How long the end waits for a round that is under way: its transaction would be undone, which is no harm."""


class Command(BaseCommand):
    requires_system_checks = ()  # they would load every view
    help = "Republish lost messages, take over abandoned tasks, enforce deadlines, forget what is old. Several may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=float, default=1.0, metavar="SECONDS", help="Pause between rounds (default 1)."
        )
        parser.add_argument(
            "--heartbeat",
            type=Path,
            metavar="FILE",
            help="Touch this file after each round, for a container's health check.",
        )
        parser.add_argument("--once", action="store_true", help="Do one round of everything and end.")

    def handle(self, *args: Any, every: float, once: bool, heartbeat: Path | None, **options: Any) -> None:
        if once:
            with contextlib.suppress(Unavailable):
                run(presence.say, "sweeper")
            _round(sweeper.ALL)
            asyncio.run(sender.once())
            _touch(heartbeat)
            return
        stopping = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopping.set())
        presence.keep_saying("sweeper")
        beside = [
            _started(stopping, every, partial(_round, sweeper.REMINDING)),
            _started(stopping, FORGET_SECONDS, partial(_round, sweeper.FORGETTING)),
            _started(stopping, every, partial(_send_webhooks, stopping)),
        ]
        while not stopping.is_set():
            _round(sweeper.MENDING)
            _touch(heartbeat)
            stopping.wait(every)
        for thread in beside:
            thread.join(PATIENCE_SECONDS)


def _started(stopping: threading.Event, every: float, work: partial[None]) -> threading.Thread:
    """A thread that does the work again and again. It does not keep the process from ending."""

    def repeat() -> None:
        while not stopping.is_set():
            work()
            stopping.wait(every)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    return thread


def _round(chores: sweeper.Chores) -> None:
    try:
        if any((mended := run(sweeper.sweep, chores)).values()):
            log(__name__).info("swept", **mended)
    except Unavailable:
        log(__name__).warning("sweep_postponed", reason="database unreachable")
    except Exception:  # noqa: BLE001  # one bad row must not stop the mending of all others
        log(__name__).exception("sweep_failed")


def _send_webhooks(stopping: threading.Event) -> None:
    try:
        asyncio.run(sender.run(stopping))
    except Exception:  # noqa: BLE001  # begun again in the next round
        log(__name__).exception("webhooks_stopped")


def _touch(heartbeat: Path | None) -> None:
    if heartbeat is not None:
        heartbeat.touch()
