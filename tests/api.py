"""The API as a client of ours sees it: real HTTP, with words for what tests do most.

task = alice.execute("What is 2 + 2?").json()          POST /agent/execute, run in the request
with alice.stream("Tell me more") as stream:           the same, streamed
    assert stream.names[-1] == "task.completed"
alice.ended(task_id)                                   waits until the task has ended; the task object
alice.get("/agent/tasks", params={"limit": 2})         all of httpx.Client
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from tests.waiting import eventually

if TYPE_CHECKING:
    # A folder's conftest.py, which may want this file, is read before Django is set up.
    from accounts.models import ApiKey, Client

FINAL = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class ServerEvent:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


class Stream:
    """A streamed answer, read as it comes. Reading goes on where the last reading stopped."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._events = self._parsed(response.iter_lines())

    def __iter__(self) -> Iterator[ServerEvent]:
        return self._events

    def until(self, name: str) -> ServerEvent:
        """Read up to the next event of this name."""
        event = next((event for event in self._events if event.name == name), None)
        assert event is not None, f"the stream ended without {name}"
        return event

    @cached_property
    def events(self) -> list[ServerEvent]:
        """All that is left, up to the end of the stream."""
        return list(self._events)

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @property
    def text(self) -> str:
        """The deltas joined."""
        return "".join(event.data["text"] for event in self.events if event.name == "text.delta")

    def _parsed(self, lines: Iterator[str]) -> Iterator[ServerEvent]:
        fields: dict[str, str] = {}
        for line in lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            elif fields:
                yield ServerEvent(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"]))
                fields = {}


class Api(httpx.Client):
    """An HTTP client of the running server; `key` is sent as the bearer token, if there is one."""

    def __init__(self, url: str, transport: httpx.BaseTransport, key: str | None = None) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        super().__init__(base_url=url, transport=transport, headers=headers, timeout=30)
        self.key = key

    def execute(
        self, task: Any = "Say hello.", *, key: str | None = None, headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        """POST /agent/execute with these fields; `key` instead of this client's own."""
        own = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.post("/agent/execute", json={"task": task, **fields}, headers={**own, **(headers or {})})

    @contextlib.contextmanager
    def stream(  # type: ignore[override]  # what we stream is a task
        self,
        task: Any = "Say hello.",
        *,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
        **fields: Any,
    ) -> Iterator[Stream]:
        """POST /agent/execute, streamed; leaving the block closes the connection."""
        body = {"task": task, "stream": True, **fields}
        with super().stream("POST", "/agent/execute", json=body, headers=headers, params=params) as response:
            yield Stream(response)

    @contextlib.contextmanager
    def events(
        self, task_id: str, *, last_event_id: str | None = None, params: dict[str, str] | None = None
    ) -> Iterator[Stream]:
        """GET /agent/events/{task_id}."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        with super().stream("GET", f"/agent/events/{task_id}", headers=headers, params=params) as response:
            yield Stream(response)

    def status(self, task_id: str, **parameters: Any) -> httpx.Response:
        """GET /agent/status/{task_id}."""
        return self.get(f"/agent/status/{task_id}", params=parameters)

    def ended(self, task_id: str, *, within: float = 20) -> dict[str, Any]:
        """The task object once the task has ended."""

        def final() -> dict[str, Any] | None:
            task: dict[str, Any] = self.status(task_id, wait=5).json()
            return task if task["status"] in FINAL else None

        task = eventually(final, within=within)
        assert task is not None
        return task


class Persona(Api):
    """A client with its key. `client` and `api_key` are read anew from the database each time."""

    def __init__(self, url: str, transport: httpx.BaseTransport, key: str, key_id: UUID) -> None:
        super().__init__(url, transport, key)
        self.key: str = key
        self._key_id = key_id

    @property
    def api_key(self) -> "ApiKey":
        from accounts.models import ApiKey

        return ApiKey.objects.select_related("client__tier").get(pk=self._key_id)

    @property
    def client(self) -> "Client":
        return self.api_key.client
