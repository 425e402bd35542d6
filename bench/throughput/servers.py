"""Who is measured: the platform as `make run` has it, two web processes and a worker; and the peers, with two processes each."""

import contextlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program
from agentplatform.embedded.stores import running
from bench.platform import ROOT, Platform, Usage, children, is_answering

PEERS = ROOT / "bench" / "peers"
PEER_KEY = "sk-peer-0001"
OURS = "platform"


@dataclass(frozen=True)
class Server:
    """One that is measured: its name, its address, the key it takes, and its main process."""

    name: str
    url: str
    key: str
    pid: int

    def rss_mb(self) -> float:
        """What its processes take."""
        return round(sum(Usage.of(pid).rss_mb for pid in _family(self.pid)), 1)


@contextlib.contextmanager
def ours(run: Platform) -> Iterator[Server]:
    """The platform's web server with two processes, a worker and a sweeper."""
    port = run.url.rpartition(":")[2]
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--loop", "uvloop", "--host", LOOPBACK, "--port", port,
        "--workers", "2", "--log-level", "warning", "agentplatform.asgi:application",
    ]  # fmt: skip
    web = Program(
        name="web",
        command=command,
        environment=run.environment,
        folder=ROOT,
        is_ready=lambda _: is_answering(f"{run.url}/health/ready"),
    )
    # Workers ask for streams, which nginx has at another address.
    streamed = run.environment["OPENAI_BASE_URL"].replace("/v1", "/streamed/v1")
    working = replace(run, environment={**run.environment, "OPENAI_BASE_URL": streamed})
    with running(web, run.folder) as pid, working.worker("--loglevel", "WARNING"), run.sweeper():
        yield Server(OURS, run.url, run.key, pid)


@contextlib.contextmanager
def peer(run: Platform, model_url: str, *, is_tuned: bool) -> Iterator[Server]:
    """The FastAPI peer, in an environment of its own, which is made the first time."""
    python, port = _environment(), free_port()
    name = "tuned" if is_tuned else "fastapi"
    settings = {
        "REDIS_URL": run.environment["REDIS_URL"],
        "MODEL_URL": model_url,
        "PEER_KEY": PEER_KEY,
        "TUNED": "1" if is_tuned else "",
    }
    command = [
        str(python), "-m", "uvicorn", "fastapi_peer:app", "--host", LOOPBACK, "--port", str(port), "--workers", "2",
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    program = Program(
        name=name,
        command=command,
        environment=settings,
        folder=PEERS,
        is_ready=lambda _: is_answering(f"http://{LOOPBACK}:{port}/health"),
    )
    with running(program, run.folder) as pid:
        yield Server(name, f"http://{LOOPBACK}:{port}", PEER_KEY, pid)


def _environment() -> Path:
    folder = ROOT / ".venv-peers"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print("Installing the peer's packages …", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        installing = [str(python), "-m", "pip", "install", "--quiet", "-r", str(PEERS / "requirements.txt")]
        subprocess.run(installing, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        (folder / "installed").touch()
    return python


def _family(pid: int) -> list[int]:
    return [pid, *(each for child in children(pid) for each in _family(child))]
