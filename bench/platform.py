"""A platform to measure: stores of its own, the slow model, and the product's processes, on loopback; all end with the block."""

import contextlib
import os
import resource
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program
from agentplatform.embedded.stores import running, running_stores

ROOT = Path(__file__).resolve().parent.parent
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
OPEN_FILES = 16_384


@dataclass(frozen=True)
class Usage:
    """What a process takes: memory in MB, processor time in seconds, threads."""

    rss_mb: float
    peak_mb: float
    cpu_seconds: float
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """As Linux has it now."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(
            rss_mb=_mb(status["VmRSS"]),
            peak_mb=_mb(status["VmHWM"]),
            cpu_seconds=(int(fields[11]) + int(fields[12])) / CLOCK_TICKS,
            threads=int(status["Threads"]),
        )


def _local_ports(pid: int) -> set[int]:
    """The ports of a process's own ends of its TCP connections."""
    inodes = {_target(link).removeprefix("socket:[").removesuffix("]") for link in Path(f"/proc/{pid}/fd").iterdir()}
    lines = (line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:])
    return {int(fields[1].rpartition(":")[2], 16) for fields in lines if fields[9] in inodes}


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed since it was listed


def _mb(text: str) -> float:
    return round(int(text.split(maxsplit=1)[0]) / 1024, 1)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass
class Platform:
    """One run's addresses, and its parts to start."""

    folder: Path
    key: str
    environment: dict[str, str]
    url: str
    model_url: str

    def client(self, **options: object) -> httpx.AsyncClient:
        """A client that holds the key."""
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, **options)  # type: ignore[arg-type]  # httpx's own options

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows from the platform's database, over a connection that is not counted as the platform's."""
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def connections_of(self, pid: int) -> int:
        """How many connections a process holds to the database, as PostgreSQL sees them."""
        rows = self.query("SELECT client_port FROM pg_stat_activity WHERE application_name = 'agentplatform'")
        return len({port for (port,) in rows} & _local_ports(pid))

    def calls(self) -> dict[str, int]:
        """What the model thinks about, and what came in all."""
        answer: dict[str, int] = httpx.get(f"{self.model_url}/calls").json()
        return answer

    @contextlib.contextmanager
    def web(self) -> Iterator[int]:
        """The web server with one worker process; give that one's pid."""
        port = self.url.rpartition(":")[2]
        command = [
            sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--host", LOOPBACK,
            "--port", port, "--workers", "1", "--log-level", "warning", "agentplatform.asgi:application",
        ]  # fmt: skip
        with self._running("web", command, f"{self.url}/health/ready") as pid:
            yield children(pid)[-1]

    @contextlib.contextmanager
    def worker(self, *options: str) -> Iterator[int]:
        """A Celery worker."""
        command = [sys.executable, "-m", "celery", "-A", "agentplatform", "worker", *options]
        with self._running("worker", command) as pid:
            yield pid

    @contextlib.contextmanager
    def sweeper(self) -> Iterator[int]:
        """A sweeper."""
        with self._running("sweeper", [sys.executable, "manage.py", "runsweeper"]) as pid:
            yield pid

    @contextlib.contextmanager
    def _running(self, name: str, command: list[str], ready_url: str = "") -> Iterator[int]:
        program = Program(
            name=name,
            command=command,
            environment=self.environment,
            folder=ROOT,
            is_ready=lambda _pid: not ready_url or is_answering(ready_url),
        )
        with running(program, self.folder) as pid:
            yield pid


@contextlib.contextmanager
def platform(*, model_seconds: float = 0, model: Sequence[str] = (), **settings: str) -> Iterator[Platform]:
    """Stores with a filled database, and a model that takes so long; the parts are started by the caller.

    `model` names another model: its module, and what comes after the port on its command line.
    """
    program, *arguments = model or ("bench.slow_model", str(model_seconds))
    _allow_many_files()
    with tempfile.TemporaryDirectory(prefix="agentplatform-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with running_stores(folder / "stores") as stores:
            port, key = free_port(), "bench-" + secrets.token_hex(16)
            model_url = f"http://{LOOPBACK}:{port}"
            environment = {
                **dict.fromkeys(("API_KEYS", "CELERY_BROKER_URL", "PROMETHEUS_MULTIPROC_DIR", "METRICS_TOKEN"), ""),
                "DATABASE_URL": stores.database_url or "",
                "REDIS_URL": stores.redis_url or "",
                "DATA_DIR": name,
                "OPENAI_API_KEY": "sk-slow",
                "OPENAI_BASE_URL": f"{model_url}/v1",
                "AGENT_MODEL": "gpt-4.1-mini",
                "API_KEYS": f"{key}:unlimited",
                "LOG_LEVEL": "WARNING",
                **settings,
            }
            subprocess.run(
                [sys.executable, "manage.py", "bootstrap"], cwd=ROOT, env={**os.environ, **environment}, check=True
            )
            serving = Program(
                name="model",
                command=[sys.executable, "-m", program, str(port), *arguments],
                folder=ROOT,
                is_ready=lambda _pid: is_answering(f"{model_url}/calls"),
            )
            with running(serving, folder):
                yield Platform(folder, key, environment, f"http://{LOOPBACK}:{free_port()}", model_url)


def is_answering(url: str) -> bool:
    """Whether the address answers 200."""
    try:
        return httpx.get(url, timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


def _allow_many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, most), most))
