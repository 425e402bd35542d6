"""What one run consists of: the wishes of whoever starts it, and the programs that follow from them."""

import http.client
import os
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from agentplatform.embedded.ports import LOOPBACK
from agentplatform.embedded.program import Program

GRACE_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run of the platform, decided before anything starts."""

    project_dir: Path
    data_dir: Path
    metrics_dir: Path
    host: str
    port: int
    web_workers: int
    has_web: bool
    has_worker: bool
    has_sweeper: bool
    needs_database: bool
    needs_redis: bool
    needs_model: bool
    has_demo_key: bool
    makes_admin_password: bool
    """Whether the `admin` user's password is ours to make and to print."""

    @property
    def local_host(self) -> str:
        """The name under which this machine reaches the web server."""
        return {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)  # noqa: S104  # compared, not bound

    @property
    def base_url(self) -> str:
        """The web server's address for a browser on this machine."""
        host = f"[{self.local_host}]" if ":" in self.local_host else self.local_host
        return f"http://{host}:{self.port}"


def bootstrap(plan: Plan, admin_password: str | None) -> Program:
    """Migrates the database and fills in what is missing."""
    extra = {"ADMIN_PASSWORD": admin_password} if admin_password else {}
    return _ours(plan, "bootstrap", [sys.executable, "manage.py", "bootstrap"], extra)


def web(plan: Plan) -> Program:
    """The web server; its workers are processes that it makes and replaces itself."""
    options = {
        "--interface": "asgi",
        "--loop": "uvloop",
        "--host": plan.host,
        "--port": str(plan.port),
        "--workers": str(plan.web_workers),
        "--workers-kill-timeout": str(GRACE_SECONDS - 2),
        "--log-level": "warning",
    }
    words = [word for option in options.items() for word in option]
    command = [sys.executable, "-m", "granian", *words, "--respawn-failed-workers", "agentplatform.asgi:application"]
    return _ours(plan, "web", command, is_ready=lambda _pid: answers(plan, "/health/ready"))


def worker(plan: Plan) -> Program:
    """An ordinary Celery worker."""
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
    return _ours(plan, "worker", [*python, "-m", "celery", "-A", "agentplatform", "worker"])


def sweeper(plan: Plan) -> Program:
    """The process that keeps deadlines and takes over abandoned tasks."""
    return _ours(plan, "sweeper", [sys.executable, "manage.py", "runsweeper"])


def answers(plan: Plan, path: str) -> bool:
    """Tell whether the web server answers 200 there."""
    return fetch(plan, path)[0] == http.HTTPStatus.OK


def fetch(plan: Plan, path: str) -> tuple[int, bytes]:
    """Give the web server's status and body for a path; status 0 when it does not answer."""
    connection = http.client.HTTPConnection(plan.local_host, plan.port, timeout=3)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    return 0, b""


def _ours(
    plan: Plan,
    name: str,
    command: list[str],
    extra: dict[str, str] | None = None,
    is_ready: Callable[[int], bool] = lambda _pid: True,
) -> Program:
    return Program(
        name=name,
        command=command,
        folder=plan.project_dir,
        environment={
            "DATA_DIR": str(plan.data_dir),
            "PROMETHEUS_MULTIPROC_DIR": str(plan.metrics_dir),
            "PYTHONUNBUFFERED": "1",
            # Behind a company's proxy, calls to our own loopback servers still go straight.
            **{name: _with_loopback(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")},
            **(extra or {}),
        },
        is_ready=is_ready,
        stop_seconds=GRACE_SECONDS,
    )


def _with_loopback(hosts: str) -> str:
    return ",".join(filter(None, [hosts, LOOPBACK, "localhost"]))
