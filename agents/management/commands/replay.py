"""`manage.py replay`: run an ended task again from its journal, or go on from one of its steps with other instructions."""

import difflib
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from agents import forking
from agents.engine.replay import StepMissing
from agents.forking import CannotReplay, Story
from agents.models import Task
from agents.presenting import said

LOOK_SECONDS = 0.5


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Run an ended task again from its journal: no model or tool is called. With --fork-at, go on from that step for real, "
        "as a new task, and show how its result differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task", type=UUID, help="the task's id")
        parser.add_argument("--fork-at", type=int, metavar="STEP", help="a step of the task, such as 1")
        parser.add_argument(
            "--instructions", type=Path, metavar="FILE", help="instructions for the fork, as a text file"
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=120,
            metavar="SECONDS",
            help="how long to wait for the fork's end (default 120)",
        )

    def handle(self, *_args: Any, task: UUID, **options: Any) -> None:
        if options["instructions"] and options["fork_at"] is None:
            raise CommandError("--instructions are for a fork: name its step with --fork-at.")
        try:
            story = forking.story_of(task)
            if options["fork_at"] is None:
                self._replay(story)
            else:
                self._fork(story, options["fork_at"], options["instructions"], options["wait"])
        except Task.DoesNotExist as error:
            raise CommandError(f"There is no task {task}.") from error
        except (CannotReplay, StepMissing) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    def _replay(self, story: Story) -> None:
        found = forking.replay(story)
        self.stdout.write(
            f"{found.events} events, {found.answered} answers of models and tools taken from the journal; nothing called, $0."
        )
        for difference in found.differences:
            self.stdout.write(f"#{difference.seq}: recorded “{difference.recorded}”, today: {difference.now}.")
        if found.differences:
            raise CommandError(f"{len(found.differences)} decisions differ from those on record.")
        self.stdout.write("Every decision is as it was.")
        self.stdout.write(said(story.task))

    def _fork(self, story: Story, step: int, file: Path | None, patience: float) -> None:
        version = forking.agent_at(story, step)
        instructions = version.instructions if file is None else _read(file)
        task = forking.fork(story, step, instructions=instructions, actor=audit.command_line())
        self.stdout.write(f"Forked at step {step} as task {task.pk}, which waits for a worker …")
        deadline = time.monotonic() + patience
        while not task.is_final:
            if time.monotonic() >= deadline:
                raise CommandError(
                    f"It has not ended within {patience:g} s; it goes on, as task {task.pk} in the console."
                )
            time.sleep(LOOK_SECONDS)
            task.refresh_from_db()
        before, after = said(story.task), said(task)
        if before == after:
            self.stdout.write("Its result is the same.")
        names = (f"task {story.task.pk}", f"task {task.pk}")
        sys.stdout.flush()
        for line in difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""):
            self.stdout.write(line)


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}."
        ) from error
