"""`manage.py demodata`: fill a database with a believable busy platform, and take it away again."""

import sys
import time
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from accounts.management.reachable import reachable_database
from accounts.models import Client, Tier
from agents.demo import checking, filling, removing
from agents.demo.owners import NAMED
from agents.models import AgentVersion, Task

QUIET_SECONDS = 2.0
LINE_EVERY_SECONDS = 10.0
MOST_TASKS = 100_000_000


class Command(BaseCommand):
    help = "Fill the database with made-up clients, tasks and all that belongs to them; --remove takes it away again."
    requires_system_checks = ()  # they load every view

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tasks", type=_number, default=5000, help="how many tasks (default 5000)")
        parser.add_argument("--keys", type=_number, help="how many API keys (default: one for each 100 tasks)")
        parser.add_argument("--days", type=_number, default=90, help="over how many days, up to now (default 90)")
        parser.add_argument("--seed", type=int, default=1, help="another number makes other data (default 1)")
        parser.add_argument("--until", type=_moment, metavar="TIME", help="in place of now, such as 2026-11-26T12:00Z")
        parser.add_argument("--beside", action="store_true", help="although the database holds tasks already")
        parser.add_argument("--yes", action="store_true", help="although this is an installation in production")
        parser.add_argument("--remove", action="store_true", help="remove what this command made, and nothing else")

    def handle(self, *args: Any, remove: bool, **options: Any) -> None:
        with reachable_database():
            self._remove() if remove else self._fill(**options)

    def _fill(self, *, tasks: int, keys: int | None, days: int, **options: Any) -> None:
        _refuse(is_allowed=options["yes"], is_beside=options["beside"])
        until = options["until"] or timezone.now()
        wanted = filling.Wanted(tasks, keys or max(10, tasks // 100), days, options["seed"], until)
        progress = Progress(self, "tasks", tasks)
        count = filling.fill(wanted, progress.tell)
        progress.end()
        checked = checking.differences()
        if checked.found:
            raise CommandError(f"This must not be: {checked.found[0]}")
        told = f"Made {count:,} tasks with {wanted.keys:,} keys; their clients’ names begin with “{NAMED}”."
        self.stdout.write(f"{told} {checked.tasks} journals were folded: each is as its row says.")
        _write_down("created", count)

    def _remove(self) -> None:
        if not removing.is_there():
            self.stdout.write("There is no demo data.")
            return
        progress = Progress(self, "tasks removed", None)
        count = removing.remove(progress.tell)
        progress.end()
        self.stdout.write(f"Removed {count:,} tasks, their clients, and what stood beside them.")
        _write_down("deleted", count)


class Progress:
    """How far it is: on a terminal one line that changes, else a line now and then; nothing where it takes a moment."""

    def __init__(self, command: BaseCommand, things: str, whole: int | None) -> None:
        self._command, self._things, self._whole = command, things, whole
        self._began = self._told_at = time.monotonic()
        self._is_live, self._has_told = sys.stderr.isatty(), False

    def tell(self, count: int) -> None:
        """So many are done."""
        now = time.monotonic()
        if now - self._began < QUIET_SECONDS or (not self._is_live and now - self._told_at < LINE_EVERY_SECONDS):
            return
        of = f" of {self._whole:,}, {100 * count // self._whole} %" if self._whole else ""
        line = f"{count:,}{of} {self._things}, {now - self._began:.0f} s"
        self._command.stderr.write(f"\r{line} " if self._is_live else line, ending="" if self._is_live else "\n")
        self._told_at, self._has_told = now, True

    def end(self) -> None:
        """Leave the changing line as it is."""
        if self._is_live and self._has_told:
            self._command.stderr.write("")


def _refuse(*, is_allowed: bool, is_beside: bool) -> None:
    if settings.IN_PRODUCTION and not is_allowed:
        raise CommandError("This is production, and demo data have no place there. --yes makes them all the same.")
    if removing.is_there():
        raise CommandError("There is demo data already. Remove it first: manage.py demodata --remove.")
    if Task.objects.exists() and not is_beside:
        told = "The database holds tasks already."
        raise CommandError(f"{told} --beside makes demo data beside them; --remove takes just that away.")
    if not (Tier.objects.exists() and AgentVersion.objects.filter(agent__slug="general", status="published").exists()):
        raise CommandError("There are no tiers, or no published agent “general”. Run manage.py bootstrap first.")


def _write_down(action: str, tasks: int) -> None:
    """One line in the audit for all of the clients."""
    audit.note(audit.command_line(), action, Client(name=f"{NAMED}all clients"), {"tasks": [None, tasks]})


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MOST_TASKS:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no number from 1 to {MOST_TASKS}.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time such as 2026-11-26T12:00Z.") from None
