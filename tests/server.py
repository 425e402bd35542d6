"""The web server in a thread of the test process: granian, the ASGI application and uvloop, as in production."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve the application for the block, and give its URL."""
    with _reserved_port() as port:
        loop = uvloop.new_event_loop()
        # Without lifespan, which Django does not speak; without log set-up of granian's own.
        server = Server(application, LOOPBACK, port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
        thread = threading.Thread(target=_serve, args=(loop, server), name="web-server", daemon=True)
        thread.start()
        _wait_until_listening(port)
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            loop.call_soon_threadsafe(server.stop)
            thread.join(10)


@contextlib.contextmanager
def _reserved_port() -> Iterator[int]:
    # Bound and never listening, the socket keeps the port from everybody but granian, which shares ports too.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((LOOPBACK, 0))
        yield reserved.getsockname()[1]


def _serve(loop: asyncio.AbstractEventLoop, server: Server) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(server.serve())


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        assert time.monotonic() < deadline, "the web server did not start"
        time.sleep(0.005)
