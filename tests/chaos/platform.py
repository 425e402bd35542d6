"""The platform under test: real stores, two web servers, two workers, two sweepers, and the outside world; each a process.

`web-2` and `worker-2` reach database, broker and model through proxies that can freeze; the others reach them directly.
"""

import asyncio
import contextlib
import http.client
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from agentplatform.embedded import postgres, valkey
from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program
from agentplatform.supervisor import plan
from tests.chaos.part import Part, PartFailed
from tests.chaos.proxies import Proxy
from tests.chaos.rabbitmq import RabbitMQ

PROJECT = Path(__file__).resolve().parents[2]
KEY = "chaos-key-that-nobody-limits"
BEHIND_PROXIES = ("web-2", "worker-2")
TERM_SECONDS = 30.0
RESTART_SECONDS = 1.0


class Platform:
    """All the parts, by name, and where they listen."""

    def __init__(self, folder: Path, *, seed: str, broker: str, trouble: float) -> None:
        self.folder = folder
        self.database = postgres.prepare(folder)
        self.redis = valkey.prepare(folder)
        self.outside_port = free_port()
        outside = [sys.executable, "-m", "tests.chaos.outside", str(self.outside_port), seed, str(trouble)]
        self.rabbitmq = RabbitMQ(folder / "rabbitmq") if broker == "rabbitmq" else None
        self.parts: dict[str, Part] = {}
        self._add(self.database.program)
        self._add(self.redis.program)
        if self.rabbitmq:
            self._add(self.rabbitmq.program)
        self._add(Program(name="outside", command=outside, folder=PROJECT, is_ready=lambda _: self._is_outside_up()))
        self.broker_url = self.rabbitmq.url if self.rabbitmq else self.redis.url
        self.proxies = {
            "database": Proxy("database", _port(self.database.url)),
            "broker": Proxy("broker", _port(self.broker_url)),
            "redis": Proxy("redis", _port(self.redis.url)),
            "model": Proxy("model", self.outside_port),
        }
        self.web_ports = {"web-1": free_port(), "web-2": free_port()}
        self._watching: asyncio.Task[None] | None = None

    @property
    def urls(self) -> list[str]:
        """Where the web servers answer."""
        return [f"http://{LOOPBACK}:{port}" for port in self.web_ports.values()]

    @property
    def outside_url(self) -> str:
        return f"http://{LOOPBACK}:{self.outside_port}"

    async def start(self) -> None:
        """Start everything, in order. Raises PartFailed."""
        for name in ("postgres", "valkey", "rabbitmq", "outside"):
            if name in self.parts:
                await self.parts[name].start()
        for proxy in self.proxies.values():
            await proxy.start(free_port())
        await self._run("bootstrap")
        for name in (*self.web_ports, "worker-1", "worker-2", "sweeper-1", "sweeper-2"):
            self._add(self._ours(name), self._environment(name))
        deciding = [sys.executable, "-m", "tests.chaos.parts", "operate"]
        self._add(Program(name="operator", command=deciding, folder=PROJECT), self._environment("operator"))
        started = [part for part in self.parts.values() if not part.is_running]
        for part in started:
            await part.start(is_awaited=False)
        await asyncio.gather(*(part.ready() for part in started))
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """End everything, stores last."""
        if self._watching is not None:
            self._watching.cancel()
        for proxy in self.proxies.values():
            await proxy.stop()
        for part in reversed(self.parts.values()):
            part.send(signal.SIGCONT)
            if part.name in ("postgres", "valkey", "rabbitmq"):
                await part.stop(20)
            else:
                await part.kill()

    def named(self, kind: str) -> list[Part]:
        """The parts of a kind: web, worker or sweeper."""
        return [part for name, part in self.parts.items() if name.startswith(kind)]

    async def calm(self) -> None:
        """Have everything running and passing again."""
        for proxy in self.proxies.values():
            proxy.thaw(is_cut=False)
        for part in self.parts.values():
            part.control.unlink(missing_ok=True)
            part.send(signal.SIGCONT)
            if not part.is_running:
                await part.start(is_awaited=False)
        for part in self.parts.values():
            await part.ready()

    def _add(self, program: Program, environment: dict[str, str] | None = None) -> None:
        self.parts[program.name] = Part(program, self.folder, environment)

    async def _watch(self) -> None:
        """Start again what ended by itself, as a supervisor does."""
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            for part in list(self.parts.values()):
                if part.is_wanted and not part.is_running:
                    with contextlib.suppress(PartFailed):
                        await part.start(is_awaited=False)

    def _ours(self, name: str) -> Program:
        """The program as the platform's own supervisor would start it, with the harness's module in place of the product's."""
        kind = name.partition("-")[0]
        wishes = plan.Plan(
            project_dir=PROJECT,
            data_dir=self.folder,
            metrics_dir=self.folder / "metrics" / name,
            host=LOOPBACK,
            port=self.web_ports.get(name, 0),
            web_workers=1,
            has_web=True,
            has_worker=True,
            has_sweeper=True,
            needs_database=False,
            needs_redis=False,
            needs_model=False,
            has_demo_key=False,
            makes_admin_password=False,
        )
        program = {"web": plan.web, "worker": plan.worker, "sweeper": plan.sweeper}[kind](wishes)
        return replace(program, name=name, command=_with_ours(program.command))

    def _environment(self, name: str) -> dict[str, str]:
        is_direct = name not in BEHIND_PROXIES
        ports = {} if is_direct else {kind: proxy.port for kind, proxy in self.proxies.items()}
        return {
            "CHAOS_PART": name,
            "CHAOS_CONTROL": str(self.folder / f"crash-{name}"),
            "CHAOS_TOOLS_URL": self.outside_url,
            "DJANGO_SETTINGS_MODULE": "agentplatform.settings",
            "ENVIRONMENT": "development",
            "DATABASE_URL": _through(self.database.url, ports.get("database")),
            "REDIS_URL": _through(self.redis.url, ports.get("redis")),
            "CELERY_BROKER_URL": _through(self.broker_url, ports.get("broker")),
            "OPENAI_API_KEY": "sk-chaos",
            "OPENAI_BASE_URL": _through(f"{self.outside_url}/v1", ports.get("model")),
            "AGENT_MODEL": "gpt-5-mini",
            "API_KEYS": f"{KEY}:unlimited",
            "LOG_LEVEL": "INFO",
            "METRICS_TOKEN": "",
            "WEB_WORKERS": "1",
        }

    async def _run(self, command: str) -> None:
        environment = os.environ | self._environment("command") | {"CHAOS_CONTROL": "", "DATA_DIR": str(self.folder)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.parts", command, cwd=PROJECT, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise PartFailed(f"{command} failed: {said.decode()[-2000:]}")

    def _is_outside_up(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.outside_port, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/v1/models")
            return connection.getresponse().status == 200
        return False


@asynccontextmanager
async def running(folder: Path, *, seed: str, broker: str, trouble: float) -> AsyncIterator[Platform]:
    """Have a platform for the block. Raises PartFailed."""
    platform = Platform(folder, seed=seed, broker=broker, trouble=trouble)
    try:
        began = time.monotonic()
        await platform.start()
        sys.stdout.write(f"The platform started in {time.monotonic() - began:.0f} s.\n")
        yield platform
    finally:
        await platform.stop()


def _with_ours(command: Sequence[str | Path]) -> list[str | Path]:
    words: list[str | Path] = []
    for word in command:
        if word == "agentplatform.asgi:application":
            words.append("tests.chaos.parts:application")
        elif word == "agentplatform" and words[-1:] == ["-A"]:
            words.append("tests.chaos.parts")
        elif word == "manage.py":
            words += ["-m", "tests.chaos.parts"]
        else:
            words.append(word)
    return words


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _through(url: str, port: int | None) -> str:
    """The same address with the proxy's port."""
    if port is None:
        return url
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()
