"""Real MCP servers for tests: programs of the mcp package's own, and some that misbehave.

A conftest.py is read before Django is set up, so what needs Django is imported late.
"""

import contextlib
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    from agents.mcp_servers.models import McpServer

HERE = Path(__file__).parent
A_SERVER, A_PLAIN_SERVER = HERE / "a_server.py", HERE / "a_plain_server.py"


@dataclass
class Desk:
    """A server, and the agent `clerk` that may use all of it. `folder` is where the server notes its calls."""

    server: "McpServer"
    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def calls(self) -> list[str]:
        notes = self.folder / "calls"
        return notes.read_text().splitlines() if notes.exists() else []

    def describes(self, text: str) -> None:
        """Have the tool `add` say this of itself, once the server starts again."""
        (self.folder / "description").write_text(text)


def command_of(program: Path, *arguments: object) -> str:
    return shlex.join(map(str, (sys.executable, program, *arguments)))


def sessions() -> list[Any]:
    """The sessions that this process has open."""
    from agents.mcp_servers import calling

    return [session for held in calling._sessions.values() for session in held.values() if not session._task.done()]


def close_sessions() -> None:
    from agents.mcp_servers import calling

    calling.retain(())
    eventually(lambda: not sessions())


@pytest.fixture
def permitted(settings: Any) -> None:
    """Commands that start our own servers, and those over HTTP on loopback."""
    settings.EGRESS_ALLOWED = ["127.0.0.1:*"]
    settings.MCP_STDIO_COMMANDS = [command_of(program) for program in (A_SERVER, A_PLAIN_SERVER)]


@pytest.fixture
def desk(database: object, permitted: None, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """`desk(kind)`: a plain server of that kind, looked up and approved, with the agent that may use it."""
    from agents.mcp_servers.models import McpServer
    from agents.tools import sources

    made: list[Desk] = []

    def make(
        kind: str = "good",
        *,
        url: str = "",
        command: str = "",
        is_approved: bool = True,
        name: str = "desk",
        **fields: Any,
    ) -> Desk:
        if not url and not command:
            command = command_of(A_PLAIN_SERVER, kind, tmp_path)
        transport = "http" if url else "stdio"
        row = {
            "connect_seconds": 20,
            "call_seconds": 3,
            "transport": transport,
            "url": url,
            "command": command,
            **fields,
        }
        made.append(Desk(McpServer.objects.create(name=name, **row), tmp_path))
        if is_approved:
            look_up_and_approve(made[-1].server)
        hire(f"{name}__*")
        return made[-1]

    yield make
    close_sessions()
    sources.forget()


def look_up_and_approve(server: "McpServer") -> None:
    from accounts.audit import START
    from agents.mcp_servers.looking_up import look_up
    from agents.toolsets import approving

    look_up(server)
    approving.approve(server.tools.all(), START)


def hire(*tools: str) -> None:
    """The agent `clerk`, with these tools."""
    from agents import teams
    from agents.models import Agent, AgentVersion
    from agents.tools import sources

    agent, _ = Agent.objects.get_or_create(slug="clerk")
    row = {
        "description": "Works.",
        "instructions": "Work.",
        "tools": list(tools),
        "cache_seconds": 0,
        "max_cost_usd": 5,
    }
    AgentVersion.objects.filter(agent=agent).delete()
    AgentVersion.objects.create(agent=agent, number=1, status="published", **row)
    teams.forget()
    sources.forget()


@contextlib.contextmanager
def over_http(folder: Path, port: int = 0) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Our server over HTTP, on loopback; its URL, and its process."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    command = [sys.executable, str(A_SERVER), str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: _listens(port), within=30)
            yield f"http://127.0.0.1:{port}/mcp", process
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    time.sleep(0.05)
    return False


@pytest.fixture(scope="session")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of our server over HTTP."""
    with over_http(tmp_path_factory.mktemp("mcp")) as (url, _):
        yield url
