"""`manage.py runreloading`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from agentplatform.management.commands import runreloading

# The command on a folder of its own: it asks the settings where the project is.
RUN = """
import sys
from pathlib import Path
import django
from django.conf import settings
from django.core.management import call_command
django.setup(set_prefix=False)
settings.BASE_DIR = Path(sys.argv[1])
call_command("runreloading", sys.executable, "-c", sys.argv[2])
"""
STARTED = "print('started', flush=True); "


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in runreloading.FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "agents" / "code.py").write_text("")
    return tmp_path


@pytest.fixture
def run(project: Path) -> Iterator[list[subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []
    yield made
    for process in made:
        process.terminate()  # it takes its program along, which has our pipe too
        process.communicate()


def start(run: list[subprocess.Popen[str]], project: Path, program: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(project), program]
    output = subprocess.PIPE
    run.append(subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=output, stderr=subprocess.STDOUT, text=True))
    return run[-1]


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_it_starts_again_when_code_changes(run: list[subprocess.Popen[str]], project: Path) -> None:
    process = start(run, project, STARTED + "import time; time.sleep(60)")
    assert line(process) == "started"

    (project / "agents" / "code.py").write_text("changed = True")

    assert line(process) == "Starting again: agents/code.py changed."
    assert line(process) == "started"


def test_it_waits_for_a_change_when_the_program_fails(run: list[subprocess.Popen[str]], project: Path) -> None:
    process = start(run, project, STARTED + "raise SystemExit(3)")
    assert line(process) == "started"
    assert line(process) == "Ended with status 3; starts again when the code changes."

    (project / "feedback" / "new.py").write_text("")

    assert line(process) == "Starting again: feedback/new.py changed."
    assert line(process) == "started"


def test_it_takes_the_program_along_when_it_is_stopped(run: list[subprocess.Popen[str]], project: Path) -> None:
    process = start(run, project, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    child = int(line(process))

    process.send_signal(signal.SIGTERM)

    assert process.wait(20) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_it_says_how_it_is_called() -> None:
    with pytest.raises(CommandError, match="Name a program to run, such as"):
        call_command("runreloading")
    with pytest.raises(CommandError, match="no-such-program cannot be run: No such file or directory"):
        call_command("runreloading", "no-such-program")
