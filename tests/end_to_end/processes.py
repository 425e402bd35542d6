"""The platform's own processes, one by one, on the stores and the model of the test process; their logs lie in the folder."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.conf import settings

from agentplatform.embedded.ports import LOOPBACK
from agentplatform.embedded.program import Program
from agentplatform.embedded.stores import running
from agents.models import Process
from tests.waiting import eventually

START_SECONDS = 120
CELERY = ("-W", "ignore:You're running the worker with superuser privileges", "-m", "celery", "-A", "agentplatform")


@contextlib.contextmanager
def worker(folder: Path, name: str = "worker", **environment: str) -> Iterator[int]:
    """Have a Celery worker for the block; give its process id once it takes tasks."""
    with _running(folder, name, (*CELERY, "worker"), environment) as pid:
        eventually(lambda: _listens(pid), within=START_SECONDS)
        yield pid


@contextlib.contextmanager
def sweeper(folder: Path, **environment: str) -> Iterator[int]:
    """Have a sweeper for the block; give its process id."""
    with _running(folder, "sweeper", ("manage.py", "runsweeper"), environment) as pid:
        yield pid


@contextlib.contextmanager
def web(folder: Path, port: int, name: str = "web", **environment: str) -> Iterator[int]:
    """Have a web server of one process for the block; give the process id of its master once it answers."""
    options = (
        "--interface",
        "asgi",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
        "--workers",
        "1",
        "--log-level",
        "warning",
    )
    with _running(folder, name, ("-m", "granian", *options, "agentplatform.asgi:application"), environment) as pid:
        eventually(lambda: _answers(port), within=START_SECONDS)
        yield pid


def _running(
    folder: Path, name: str, command: tuple[str, ...], environment: dict[str, str]
) -> contextlib.AbstractContextManager[int]:
    program = Program(
        name=name,
        command=[sys.executable, *command],
        environment=environment,
        folder=settings.BASE_DIR,
        stop_seconds=30,
    )
    return running(program, folder)


def _listens(pid: int) -> bool:
    return Process.objects.filter(kind="worker", name__endswith=f":{pid}").exists()


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://{LOOPBACK}:{port}/health/live", timeout=5).is_success
    return False
