"""`manage.py runsweeper`: mend, every few seconds, what went wrong elsewhere."""

import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from agentplatform.database import run
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import presence, sweeper


class Command(BaseCommand):
    requires_system_checks = ()  # they would load every view
    help = "Republish lost messages, take over abandoned tasks, enforce deadlines. Several may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=float, default=5.0, metavar="SECONDS", help="Pause between rounds (default 5)."
        )
        parser.add_argument(
            "--heartbeat",
            type=Path,
            metavar="FILE",
            help="Touch this file after each round, for a container's health check.",
        )
        parser.add_argument("--once", action="store_true", help="Do one round and end.")

    def handle(self, *args: Any, every: float, once: bool, heartbeat: Path | None, **options: Any) -> None:
        stopping = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopping.set())
        logger = log(__name__)
        while not stopping.is_set():
            try:
                run(presence.say, "sweeper")
                if any((mended := run(sweeper.sweep)).values()):
                    logger.info("swept", **mended)
            except Unavailable:
                logger.warning("sweep_postponed", reason="database unreachable")
            except Exception:  # one bad row must not stop the mending of all others
                logger.exception("sweep_failed")
            if heartbeat is not None:
                heartbeat.touch()
            if once:
                return
            stopping.wait(every)
