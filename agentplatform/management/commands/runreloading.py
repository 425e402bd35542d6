"""`manage.py runreloading <command> …`: for development, a program that starts again whenever the code changes."""

import contextlib
import signal
import subprocess
import time
from argparse import REMAINDER, ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

FOLDERS = ("accounts", "agentplatform", "agents", "feedback")
LOOK_SECONDS = 0.5
STOP_SECONDS = 10.0

Seen = dict[Path, int]


def look(project: Path) -> Seen:
    """When each Python file of the project was last written, in nanoseconds."""
    seen = {}
    for folder in FOLDERS:
        for path in (project / folder).rglob("*.py"):
            with contextlib.suppress(FileNotFoundError):  # an editor replaces a file by another in two steps
                seen[path] = path.stat().st_mtime_ns
    return seen


@contextlib.contextmanager
def running(program: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Have the program run for the block; afterwards it gets SIGTERM, and SIGKILL when it takes too long."""
    try:
        child = subprocess.Popen(program)
    except OSError as error:
        raise CommandError(f"{program[0]} cannot be run: {error.strerror}.") from error
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


class Command(BaseCommand):
    """The web server and the worker have no reloading in common, so it is done around them."""

    help = "Run a program, and start it again when a Python file of the project changes."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("program", nargs=REMAINDER, metavar="COMMAND", help="The program and its arguments.")

    def handle(self, *_args: Any, program: list[str], **_options: Any) -> None:
        if not program:
            raise CommandError("Name a program to run, such as: runreloading celery -A agentplatform worker")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        seen = look(settings.BASE_DIR)
        while True:
            with running(program) as child:
                try:
                    seen = self._until_changed(seen, child)
                except KeyboardInterrupt:
                    return

    def _until_changed(self, seen: Seen, child: subprocess.Popen[bytes]) -> Seen:
        has_ended = False
        while (now := look(settings.BASE_DIR)) == seen:
            if child.poll() is not None and not has_ended:
                has_ended = True
                self.stderr.write(f"Ended with status {child.returncode}; starts again when the code changes.")
            time.sleep(LOOK_SECONDS)
        changed = sorted({str(path.relative_to(settings.BASE_DIR)) for path, _ in seen.items() ^ now.items()})
        self.stderr.write(f"Starting again: {', '.join(changed)} changed.")
        return now
