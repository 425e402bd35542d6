"""A client as the HTTP contract wants it: retries with its Idempotency-Key, resumes streams, and remembers every answer.

It goes to either web server, as behind a load balancer.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.chaos.platform import KEY
from tests.chaos.script import text_of
from tests.chaos.workload import Order

FINAL = ("completed", "failed", "cancelled")
ENDS = tuple(f"task.{status}" for status in FINAL)
PATIENCE_SECONDS = 420.0
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=3, sock_read=50)
BROKEN = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


@dataclass(frozen=True)
class Frame:
    """One server-sent event."""

    position: tuple[int, int]
    name: str
    data: dict[str, Any]


@dataclass
class Record:
    """Everything that one client saw of one task."""

    order: Order
    task_ids: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    finals: list[tuple[str, str, Any]] = field(default_factory=list)
    """Each final state seen: status, exit reason, result."""
    is_accepted: bool = False
    """Whether the platform promised anything: a 202, a stream that began, a final answer."""
    frames: list[Frame] = field(default_factory=list)
    resumed: int = 0
    sent: int = 0
    cancelled_at: float | None = None
    has_vanished: bool = False
    refusal: str = ""

    @property
    def has_ended(self) -> bool:
        return bool(self.finals)

    def saw(self, task: dict[str, Any]) -> None:
        """Take note of a task object."""
        self.task_ids.add(task["task_id"])
        self.is_accepted = True
        if task["status"] in FINAL:
            self.finals.append((task["status"], task["exit_reason"], task["result"]))


class Client:
    """One task's client. `urls` are the web servers; faults in its own choices are seeded by the order's number."""

    def __init__(self, session: aiohttp.ClientSession, urls: list[str], order: Order) -> None:
        self.record = Record(order)
        self.order = order
        self._session = session
        self._urls = urls
        self._random = Random(order.number)
        self._deadline = time.monotonic() + PATIENCE_SECONDS

    async def run(self) -> Record:
        """Send the task and see it to its end, or leave when the order says so."""
        cancelling = asyncio.create_task(self._cancel()) if self.order.cancel_after is not None else None
        try:
            if self.order.vanish_after is not None:
                await asyncio.wait_for(self._see_through(), self.order.vanish_after)
            else:
                await self._see_through()
        except TimeoutError:
            self.record.has_vanished = True
        finally:
            if cancelling is not None:
                cancelling.cancel()
        return self.record

    async def look(self) -> None:
        """Ask once how a known task stands."""
        for task_id in self.record.task_ids:
            try:
                async with self._ask("GET", f"/agent/status/{task_id}") as answer:
                    if answer.status == 200:
                        self.record.saw(await answer.json())
            except BROKEN:
                pass

    async def _see_through(self) -> None:
        await self._send()
        while self.record.is_accepted and not self.record.has_ended and time.monotonic() < self._deadline:
            try:
                if self.order.mode == "stream" or self.order.is_followed:
                    await self._follow()
                else:
                    await self._poll()
            except BROKEN:
                await asyncio.sleep(self._random.uniform(0.2, 1))

    async def _send(self) -> None:
        """Send until it is answered; without a key a request whose fate is unknown is not sent again."""
        while time.monotonic() < self._deadline:
            self.record.sent += 1
            try:
                if await self._sent_once():
                    return
            except BROKEN as error:
                was_sent = not isinstance(error, aiohttp.ClientConnectorError)
                if self.order.key is None and was_sent:
                    self.record.refusal = type(error).__name__
                    return
            if self.record.task_ids:
                return
            await asyncio.sleep(self._random.uniform(0.3, 1.5))

    async def _sent_once(self) -> bool:
        order = self.order
        body = {
            "task": text_of(order.number, order.words),
            "agent_type": order.agent,
            "async_execution": order.mode == "background",
            "stream": order.mode == "stream",
            "on_disconnect": order.on_disconnect,
            "limits": {"timeout_seconds": order.timeout_seconds},
            "metadata": {"chaos": order.number},
        }
        headers = {"Idempotency-Key": order.key} if order.key else {}
        async with self._ask("POST", "/agent/execute", json=body, headers=headers) as answer:
            self.record.statuses.add(answer.status)
            if answer.content_type == "text/event-stream":
                await self._read(answer)
                return True
            told = await answer.json()
            if answer.status in (200, 202):
                self.record.saw(told)
                return True
            if "task" in told:
                self.record.saw(told["task"])
                return True
            if answer.status < 500 and answer.status != 429:
                self.record.refusal = f"{answer.status} {told.get('code')}"
                return True
            if order.key is None and answer.status >= 500:
                self.record.refusal = f"{answer.status} {told.get('code')}"
                return True
        return False

    async def _follow(self) -> None:
        [task_id, *_] = self.record.task_ids
        headers = {"Accept": "text/event-stream"}
        if self.record.frames:
            self.record.resumed += 1
            headers["Last-Event-ID"] = "{}-{}".format(*self.record.frames[-1].position)
        async with self._ask("GET", f"/agent/events/{task_id}", headers=headers) as answer:
            if answer.status == 200:
                await self._read(answer)
            else:
                await asyncio.sleep(self._random.uniform(0.3, 1.5))

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        async for frame in _frames(answer):
            self.record.frames.append(frame)
            self.record.is_accepted = True
            self.record.task_ids.add(frame.data["task_id"])
            if frame.name in ENDS:
                self.record.saw(frame.data["task"])
                return

    async def _poll(self) -> None:
        [task_id, *_] = self.record.task_ids
        async with self._ask("GET", f"/agent/status/{task_id}", params={"wait": "20"}) as answer:
            if answer.status == 200:
                self.record.saw(await answer.json())
            else:
                await asyncio.sleep(self._random.uniform(0.3, 1.5))

    async def _cancel(self) -> None:
        assert self.order.cancel_after is not None
        await asyncio.sleep(self.order.cancel_after)
        while not self.record.has_ended and time.monotonic() < self._deadline:
            try:
                for task_id in self.record.task_ids:
                    async with self._ask("POST", f"/agent/cancel/{task_id}") as answer:
                        if answer.status == 200:
                            self.record.cancelled_at = time.time()
                            self.record.saw(await answer.json())
                            return
            except BROKEN:
                pass
            await asyncio.sleep(0.5)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {KEY}", **options.pop("headers", {})}
        url = self._random.choice(self._urls)
        return self._session.request(method, f"{url}{path}", headers=headers, timeout=TIMEOUT, **options)


async def _frames(answer: aiohttp.ClientResponse) -> AsyncIterator[Frame]:
    """The events of a stream that are whole; one that is cut off midway does not count."""
    fields: dict[str, str] = {}
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text:
            name, _, value = text.partition(": ")
            fields[name] = value
        elif "id" in fields:
            seq, _, offset = fields["id"].partition("-")
            yield Frame((int(seq), int(offset)), fields["event"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
