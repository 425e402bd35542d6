"""`manage.py exportfeedback`: what people said, for evaluations and spreadsheets."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from agents.models import Agent
from feedback.export import WRITERS, Output, rows


class Command(BaseCommand):
    help = "Writes all feedback, or a part of it, to stdout or a file. Run it as often as you like: it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=list(WRITERS), default="jsonl", help="default: jsonl")
        since = "given or replaced since then: 2026-11-01, or 2026-11-01T12:00:00+01:00"
        parser.add_argument("--since", type=moment, metavar="DATE", help=since)
        parser.add_argument("--agent-type", metavar="SLUG", help="of tasks of this agent alone")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a file, replaced at once when all is written")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            self._check_agent(options["agent_type"])
            with _opened(options["output"]) if options["output"] else nullcontext(self.stdout) as output:
                found = rows(since=options["since"], agent_type=options["agent_type"])
                count = WRITERS[options["format"]](found, output)
                output.flush()
        except BrokenPipeError:
            # The reader has seen enough (`| head`). Python would complain once more when it closes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        except (OperationalError, InterfaceError) as error:
            raise CommandError("The database cannot be reached; DATABASE_URL says where it should be.") from error
        self.stderr.write(f"{count} rows written.")

    def _check_agent(self, slug: str | None) -> None:
        known = Agent.objects.values_list("slug", flat=True)
        if slug and slug not in known:
            raise CommandError(f"--agent-type: there is no {slug!r}; there are {', '.join(known)}.")


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601, in UTC unless it says otherwise."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; 2026-11-01 is, or 2026-11-01T12:00:00+01:00.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@contextmanager
def _opened(path: Path) -> Iterator[Output]:
    """A file that appears under its name only when all of it is on the disk; for its owner's eyes alone."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise CommandError(f"--output: {path} is no ordinary file; name one, or leave the option out for stdout.")
    draft: Path | None = None
    try:
        folder, prefix = path.parent, f".{path.name}."
        with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=folder, prefix=prefix, delete=False) as file:
            draft = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise CommandError(f"--output: cannot write {path}: {error.strerror}.") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
