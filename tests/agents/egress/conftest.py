"""A name service that says what the test wants, and a record of all connections."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

Place = tuple[str, int]


class Connections:
    """Where this process connects to. Nothing gets beyond loopback, whatever is tried."""

    def __init__(self) -> None:
        self.is_on = False
        self.places: list[Place] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event == "socket.connect" and isinstance(arguments[1], tuple):
            host, port = arguments[1][:2]
            self.places.append((host, port))
            if host != "::1" and not host.startswith("127."):
                raise ConnectionRefusedError("Tests do not leave this machine.")


_connections = Connections()
sys.addaudithook(_connections)


@pytest.fixture
def connections() -> Iterator[list[Place]]:
    """The places connected to since the test began."""
    _connections.places = []
    _connections.is_on = True
    yield _connections.places
    _connections.is_on = False


class Names:
    """A name service: each name has the answers that are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def lead(self, name: str, *answers: str) -> None:
        """Have the name lead to addresses: `"10.0.0.1, ::1"` is one answer with two."""
        self.answers[name] = [answer.split(", ") for answer in answers]

    def look_up(self, host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        answers = self.answers.get(host, [])
        if _is_address(host):  # asked by the servers of a test; the platform looks no address up
            answers = [[host]]
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(host) is not None
    return False


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The system's name service, which no test can ask."""
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.look_up)
    return names
