"""A server of somebody else, on a port of its own, that answers each path as a test says: well, badly, or never."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Handle = Callable[["Call"], object]


class Call(BaseHTTPRequestHandler):
    """One request. `wfile` takes anything, also what is no HTTP; `is_over` is set when the test ends."""

    server: "OutsideServer"

    def answer(self, body: bytes | str = b"", *, status: int = 200, **headers: str) -> None:
        """Answer well; `Content_Type="text/plain"` is a header."""
        body = body.encode() if isinstance(body, str) else body
        self.send_response_only(status)
        for name, value in {"Content_Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def is_over(self) -> threading.Event:
        return self.server.is_over

    def handle_one_request(self) -> None:
        # Whoever asked may have gone; that is what some tests are about.
        with contextlib.suppress(OSError):
            super().handle_one_request()

    def _handled(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        self.server.calls.append(self)
        path = self.path.partition("?")[0]
        handle = self.server.paths.get(path)
        if handle is None:
            self.answer("Nothing here.", status=404)
        else:
            handle(self)

    do_GET = do_POST = do_PUT = do_DELETE = _handled  # noqa: N815  # the names that http.server looks for

    def log_message(self, *args: Any) -> None:
        pass


class OutsideServer(ThreadingHTTPServer):
    """`calls` are the requests that came; `paths` says how each path is answered."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), Call)
        self.calls: list[Call] = []
        self.paths: dict[str, Handle] = {}
        self.is_over = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.port}"

    @property
    def asked(self) -> list[str]:
        return [call.path for call in self.calls]

    def on(self, path: str, body: bytes | str | Handle = b"", **answer: Any) -> None:
        """Answer the path with a body, or have it handled."""
        self.paths[path] = body if callable(body) else lambda call: call.answer(body, **answer)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def serving(
    host: str = "127.0.0.1", port: int = 0, paths: Mapping[str, Handle] | None = None
) -> Iterator[OutsideServer]:
    """Serve for the block."""
    with OutsideServer(host, port) as server:
        server.paths |= paths or {}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join(5)
