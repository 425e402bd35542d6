# Made by make_sync.py from _async/transport.py; change that file, then `make client`.
"""Sends requests, again where that may help, and reads what comes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx2

from agentplatform_client._answers import error_of, lost, parsed
from agentplatform_client._deadlines import Deadline
from agentplatform_client._requests import Request
from agentplatform_client._retries import Patience, Retry
from agentplatform_client._settings import Settings
from agentplatform_client.errors import AgentplatformError, ConnectionFailed
from agentplatform_client.models import Model

M = TypeVar("M", bound=Model)
CONNECT_SECONDS = 5.0


class Transport:
    """One platform as one caller sees it."""

    def __init__(
        self, settings: Settings, http: httpx2.Client | None, on_retry: Callable[[Retry], object] | None
    ) -> None:
        self.settings = settings
        self._http = httpx2.Client() if http is None else http
        self._is_own = http is None
        self._on_retry = on_retry
        self._was_reached = False

    def close(self) -> None:
        """Close the connections, unless the HTTP client is the caller's."""
        if self._is_own:
            self._http.close()

    def deadline(self) -> Deadline:
        """The time that a plain call may take."""
        return Deadline(self.settings.timeout)

    def call(self, request: Request, kind: type[M], deadline: Deadline | None = None) -> M:
        """Send, and give the answer as a value. Raises AgentplatformError."""
        return parsed(self.send(request, deadline), kind)

    def send(self, request: Request, deadline: Deadline | None = None) -> httpx2.Response:
        """Send, again where that may help, and give the good answer. Raises AgentplatformError."""
        deadline = deadline or self.deadline()
        patience = Patience(self.settings)
        while True:
            try:
                with self.open(request, deadline) as response:
                    response.read()
                    return response
            except AgentplatformError as error:
                self.recover(error, request, patience, deadline)

    @contextmanager
    def open(self, request: Request, deadline: Deadline) -> Iterator[httpx2.Response]:
        """Send once, and give the good answer before its body has come. Raises AgentplatformError, in the block as well."""
        deadline.check()
        try:
            response = self._http.send(self._built(request, deadline), stream=True)
            self._was_reached = True
            try:
                if not response.is_success and response.status_code not in request.accepted:
                    response.read()
                    raise error_of(response)
                assert isinstance(response.stream, httpx2.SyncByteStream)
                response.stream = _Watched(response.stream, deadline)
                yield response
            finally:
                response.close()
        except httpx2.RequestError as error:
            raise deadline.passed() if deadline.is_over else lost(error, self.settings.base_url) from error

    def recover(self, error: AgentplatformError, request: Request, patience: Patience, deadline: Deadline) -> None:
        """Wait as long as the error asks for, and return to try again; or raise it."""
        now = time.monotonic()
        seconds = patience.pause(error, request, now=now, was_reached=self._was_reached)
        if seconds is None or seconds >= deadline.left:
            raise error
        if self._on_retry:
            self._on_retry(Retry(seconds, patience.attempt, error))
        time.sleep(seconds)

    def _built(self, request: Request, deadline: Deadline) -> httpx2.Request:
        is_stream = request.headers.get("Accept") == "text/event-stream"
        return self._http.build_request(
            request.method,
            self.settings.base_url + request.path,
            params=dict(request.params),
            json=request.body,
            # A proxy that compresses a stream may hold it back.
            headers={
                **self.settings.headers,
                **request.headers,
                **({"Accept-Encoding": "identity"} if is_stream else {}),
            },
            timeout=httpx2.Timeout(
                min(request.read_seconds, deadline.left), connect=min(CONNECT_SECONDS, deadline.left)
            ),
        )


class _Watched(httpx2.SyncByteStream):
    """A body whose reading ends when the deadline passes, also where it drips for ever."""

    def __init__(self, stream: httpx2.SyncByteStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._deadline.check()
            yield piece

    def close(self) -> None:
        self._stream.close()


def ended_early() -> ConnectionFailed:
    """The error of a stream that the server ended before its task: it is being replaced, or its database is away."""
    return ConnectionFailed("The server ended the stream before the task had ended.", is_sent=True)
