"""Debian's RabbitMQ as a broker of the harness's own: its node name, ports and files, beside any that runs already."""

import contextlib
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import kombu
from amqp.exceptions import NotFound

from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def find_server() -> str | None:
    """Where the package rabbitmq-server has put it; None where that is not installed."""
    return shutil.which(SERVER) or shutil.which("rabbitmq-server")


class RabbitMQ:
    """A broker that listens on loopback; needs the package rabbitmq-server."""

    def __init__(self, folder: Path) -> None:
        server = find_server()
        if server is None:
            raise SystemExit("RabbitMQ is missing. Debian and Ubuntu: apt-get install rabbitmq-server")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.node = f"chaos{os.getpid()}@localhost"
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {LOOPBACK}:{self.port}\nloopback_users = none\nlog.console = false\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        self.environment = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(free_port()),
        }
        self.url = f"amqp://guest:guest@{LOOPBACK}:{self.port}//"
        self.program = Program(
            name="rabbitmq",
            command=[server],
            environment=self.environment,
            is_ready=lambda _: self._answers(),
        )

    def purge(self, queue: str) -> bool:
        """Remove a queue's waiting messages; whether there was such a queue."""
        with kombu.Connection(self.url, connect_timeout=5) as connection, contextlib.suppress(NotFound):
            channel: Any = connection.default_channel  # the stubs know only what all transports have
            channel.queue_purge(queue)
            return True
        return False

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
            return True
        return False
