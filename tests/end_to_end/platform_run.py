"""A `runplatform` for tests to look at: its processes, its events, its end."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from agentplatform.embedded.ports import LOOPBACK, free_port
from tests.waiting import eventually

START_SECONDS = 240
# Empty counts as unset, and a developer's `.env` cannot fill it in.
UNSET = (
    "ADMIN_PASSWORD", "AGENT_MODEL", "API_KEYS", "CELERY_BROKER_URL", "DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL",
    "PROMETHEUS_MULTIPROC_DIR", "REDIS_URL", "METRICS_TOKEN",
)  # fmt: skip
NOWHERE = "http://127.0.0.1:1/v1"
"""A model that nothing serves, for runs that need none: they start faster without the real one."""
ALONE = ("--no-web", "--no-worker", "--no-sweeper")


@dataclass(frozen=True)
class Process:
    """A process and when it began, so that another one with its number is not taken for it."""

    pid: int
    began: str
    command: str

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        """The process of that number; None when there is none, or only one that nobody has reaped yet."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            return None
        return None if fields[0] == "Z" else cls(pid, fields[19], command)

    def is_alive(self) -> bool:
        found = Process.find(self.pid)
        return found is not None and found.began == self.began


def offspring(pid: int) -> list[Process]:
    """All living descendants of a process, its children first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [process for child in children if (process := Process.find(int(child)))]
    return found + [process for child in found for process in offspring(child.pid)]


class Run:
    """One `runplatform`, and what it has written so far."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = int(environment.get("PORT", free_port()))
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.environment = {
            **os.environ,
            **dict.fromkeys(UNSET, ""),
            "DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            **environment,
        }
        self.lines: list[str] = []
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by `close`
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "runplatform", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    def events(self, name: str, **facts: object) -> list[dict[str, Any]]:
        """The events of that name with those facts, so far."""
        found = (json.loads(line) for line in tuple(self.lines) if name in line)
        return [event for event in found if event["event"] == name and facts.items() <= event.items()]

    def ready(self) -> dict[str, Any]:
        """Wait until the platform says it is ready; give what it says."""

        def announced() -> list[dict[str, Any]]:
            assert self.process.poll() is None or self.events("platform_ready"), self.complaint()
            return self.events("platform_ready")

        return eventually(announced, within=START_SECONDS)[0]

    def complaint(self) -> str:
        """What it wrote to standard error."""
        self._complaints.seek(0)
        return self._complaints.read().strip()

    def ended(self) -> int:
        """Wait for its end; give its exit status."""
        status = self.process.wait(60)
        self._reader.join()
        return status

    def child(self, part_of_command: str) -> Process:
        """The one child whose command line holds these words."""
        found = [process for process in offspring(self.process.pid) if part_of_command in process.command]
        assert found, f"no child runs {part_of_command}"
        return found[0]

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another command with the same settings."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def close(self) -> None:
        """End it, however far it got."""
        self.process.terminate()
        try:
            self.ended()
        finally:
            self.process.kill()
            self.process.stdout.close()  # type: ignore[union-attr]  # a pipe, by the arguments above
            self._complaints.close()


@contextlib.contextmanager
def running(data_dir: Path, *arguments: str, **environment: str) -> Iterator[Run]:
    """Have a run for the block, and end it."""
    run = Run(data_dir, *arguments, **environment)
    try:
        yield run
    finally:
        run.close()


def none_left(processes: list[Process]) -> bool:
    """Tell whether all of them have ended."""
    return not [process for process in processes if process.is_alive()]


def health(run: Run) -> str:
    """What the run says of itself: `healthy`, `degraded`, `unhealthy`, or `away`."""
    with contextlib.suppress(httpx.HTTPError):
        return str(httpx.get(f"{run.url}/health", timeout=5).json()["status"])
    return "away"
