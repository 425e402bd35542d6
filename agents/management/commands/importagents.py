"""`manage.py importagents`: agents from a YAML file, all of it or nothing."""

import sys
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.management.reachable import reachable_database
from agents.exchange.importing import bring_in
from agents.exchange.reading import MAX_BYTES

SHOWN_FAULTS = 200


class Command(BaseCommand):
    help = "Make the agents of a YAML file. What is new becomes a draft; what is there already stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="as manage.py exportagents writes it; - for standard input")
        parser.add_argument(
            "--publish", action="store_true", help="publish the version that the file has of each agent"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        data = _read(options["file"])
        with reachable_database():
            outcome = bring_in(data, publish=options["publish"], dry_run=options["dry_run"], actor=audit.command_line())
        if outcome.faults:
            for line in outcome.told(options["file"], SHOWN_FAULTS):
                self.stderr.write(line)
            raise CommandError(f"Nothing was imported: {len(outcome.faults)} faults in {options['file']}.")
        for line in outcome.lines:
            self.stdout.write(line)
        for line in outcome.warnings:
            self.stderr.write(f"Warning: {line}")
        if options["dry_run"]:
            self.stdout.write("Nothing was changed: this was a dry run.")


def _read(name: str) -> bytes:
    """As much of the file as tells that it is too large."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
