"""How long it takes: from kill -9 to the next attempt, from cancel to stopped, from a lost message to the next, to drain.

    make chaos ARGS="--measure"

Default settings, one measure after the other on one platform. Times of journals are PostgreSQL's, on the same machine.
"""

import asyncio
import math
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import kombu
import psycopg
import redis

from tests.chaos.harm import QUEUES, drop_messages
from tests.chaos.platform import KEY, Platform, running
from tests.chaos.run import say
from tests.chaos.schedule import Harm
from tests.chaos.script import text_of

WAIT_SECONDS = 120
NEXT_ATTEMPTS = """
SELECT extract(epoch FROM min(started.at)) - %(since)s FROM agents_event AS lost
JOIN agents_event AS started ON started.task_id = lost.task_id AND started.seq > lost.seq AND started.type = 'AttemptStarted'
WHERE lost.type = ANY(%(signs)s) AND extract(epoch FROM lost.at) > %(since)s GROUP BY lost.task_id
"""
LOST = "SELECT count(DISTINCT task_id) FROM agents_event WHERE type = ANY(%(signs)s) AND extract(epoch FROM at) > %(since)s"
ENDED = "SELECT id, extract(epoch FROM completed_at) FROM agents_task WHERE id = ANY(%s) AND completed_at IS NOT NULL"
PRESENT = "SELECT count(*) FROM agents_process WHERE name LIKE ANY(%s)"
SIGNS = ["AttemptLost", "AttemptReleased", "AttemptHandedOver"]
"""What a journal says when a task goes from one process to another."""


class Bench:
    """A platform to measure, and a client."""

    def __init__(self, platform: Platform, session: aiohttp.ClientSession) -> None:
        self.platform = platform
        self._session = session
        self._number = 0

    async def send(self, words: str, count: int) -> list[str]:
        """Have so many background tasks accepted."""
        return await asyncio.gather(*(self._send(words) for _ in range(count)))

    async def _send(self, words: str) -> str:
        self._number += 1
        body = {
            "task": text_of(self._number, words),
            "agent_type": "solo",
            "async_execution": True,
            "limits": {"timeout_seconds": 240},
        }
        answer = await self.call("POST", "/agent/execute", json=body)
        return str(answer["task_id"])

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON."""
        url = self.platform.urls[self._number % 2]
        headers = {"Authorization": f"Bearer {KEY}"}
        async with self._session.request(method, f"{url}{path}", headers=headers, **options) as answer:
            return await answer.json()

    async def waiting(self) -> int:
        """How many calls wait at the model."""
        async with self._session.get(f"{self.platform.outside_url}/waiting") as answer:
            return int((await answer.json())["waiting"])

    async def charges(self) -> list[dict[str, Any]]:
        async with self._session.get(f"{self.platform.outside_url}/ledger") as answer:
            return list((await answer.json())["charges"])

    async def workers_up(self) -> None:
        """Wait until both workers have said that they run."""
        pids = [part.pid for part in self.platform.named("worker")]

        async def have_said_so() -> bool:
            said = await self.rows(PRESENT, [[f"%:{pid}" for pid in pids]])
            return bool(said[0][0] == len(pids))

        await _until(have_said_so)

    async def cancel(self, task_ids: Iterable[str]) -> None:
        await asyncio.gather(*(self.call("POST", f"/agent/cancel/{task_id}") for task_id in task_ids))

    async def rows(self, query: str, parameters: Any) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(_rows, self.platform.database.url, query, parameters)


async def takeover(bench: Bench) -> list[float]:
    """kill -9 of a worker with half of a hundred runs: from the kill to each task's next attempt, wherever it is."""
    task_ids = await bench.send("hold", 100)
    await _until(lambda: _is(bench.waiting(), 100))
    since = time.time()
    bench.platform.parts["worker-1"].send(signal.SIGKILL)
    found = await _next_attempts(bench, since)
    await bench.cancel(task_ids)
    await _until(lambda: _is(bench.waiting(), 0))
    return found


async def drain(bench: Bench) -> list[float]:
    """TERM of a worker in the middle of long tasks: from the TERM to each handed-over task's next attempt elsewhere."""
    await bench.send("look look look look look look look look look say", 60)
    await asyncio.sleep(3)
    since, worker = time.time(), bench.platform.parts["worker-1"]
    is_polite = await worker.stop(60)
    say(f"    the worker ended {time.time() - since:.1f} s after TERM{'' if is_polite else ', killed'}")
    found = await _next_attempts(bench, since, may_be_none=True)
    await worker.start()
    await _until(lambda: _is(bench.waiting(), 0))
    return found


async def cancel(bench: Bench) -> list[float]:
    """From a cancel's request to the task's end in PostgreSQL, for tasks that wait on the model, one after the other."""
    task_ids = await bench.send("hold", 100)
    await _until(lambda: _is(bench.waiting(), 100))
    asked: dict[str, float] = {}
    for task_id in task_ids:
        asked[task_id] = time.time()
        await bench.call("POST", f"/agent/cancel/{task_id}")
    await _until(lambda: _is(bench.waiting(), 0))
    ended = await bench.rows(ENDED, [task_ids])
    return [float(at) - asked[str(task_id)] for task_id, at in ended]


async def hang_up(bench: Bench) -> list[float]:
    """From a cancel's request to the moment the model sees its connection closed."""
    done = {charge["call"] for charge in await bench.charges()}
    found = []
    for _ in range(40):
        [task_id] = await bench.send("hold", 1)
        await _until(lambda: _is(bench.waiting(), 1))
        since = time.time()
        await bench.call("POST", f"/agent/cancel/{task_id}")
        await _until(lambda: _is(bench.waiting(), 0))
        found += [charge["ended"] - since for charge in await bench.charges() if charge["call"] not in done]
        done = {charge["call"] for charge in await bench.charges()}
    return found


async def lost_message(bench: Bench) -> list[float]:
    """From the loss of all messages in the broker, workers being away, until all are published again."""
    found = []
    for name in ("worker-1", "worker-2"):
        await bench.platform.parts[name].kill()
    task_ids: list[str] = []
    for _ in range(8):
        task_ids += await bench.send("say", 5)
        await _until(partial(_has_queued, bench.platform, len(task_ids)))
        await drop_messages(bench.platform, Harm(0, "drop_messages"))
        since = time.time()
        await _until(partial(_has_queued, bench.platform, len(task_ids)))
        found.append(time.time() - since)
    for name in ("worker-1", "worker-2"):
        await bench.platform.parts[name].start()
    return found


MEASURES: dict[str, tuple[Callable[[Bench], Awaitable[list[float]]], int]] = {
    "cancel": (cancel, 1),
    "hang_up": (hang_up, 1),
    "lost_message": (lost_message, 1),
    "drain": (drain, 3),
    "takeover": (takeover, 4),
}


async def measure(folder: Path, *, broker: str, names: Iterable[str] = MEASURES) -> dict[str, dict[str, float]]:
    """Take the measures and give their figures, in seconds. Raises PartFailed, or TimeoutError when something never came."""
    figures: dict[str, dict[str, float]] = {}
    async with (
        running(folder, seed="measure", broker=broker, trouble=0) as platform,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        bench = Bench(platform, session)
        for name in names:
            take, rounds = MEASURES[name]
            found: list[float] = []
            for _ in range(rounds):
                await bench.workers_up()
                found += await take(bench)
            figures[name] = _figures(found)
            say(f"  {name:<14} " + "  ".join(f"{word} {value:g}" for word, value in figures[name].items()))
    return figures


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [math.nan]
    return {
        "count": len(seconds),
        "p50": round(ordered[len(ordered) // 2], 2),
        "p99": round(ordered[min(len(ordered) - 1, math.ceil(len(ordered) * 0.99) - 1)], 2),
        "most": round(ordered[-1], 2),
    }


async def _next_attempts(bench: Bench, since: float, *, may_be_none: bool = False) -> list[float]:
    """Wait until every task that lost its process has its next attempt; give how long each took."""
    asked = {"since": since, "signs": SIGNS}
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(1)
        [[lost]], found = await bench.rows(LOST, asked), await bench.rows(NEXT_ATTEMPTS, asked)
        if len(found) == lost and (lost or (may_be_none and time.time() - since > 40)):
            await asyncio.sleep(2)
            if (await bench.rows(LOST, asked))[0][0] == lost:
                return [float(seconds) for (seconds,) in found]
    raise TimeoutError("some tasks were never tried again")


async def _until(state: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not await state():
        if time.monotonic() > deadline:
            raise TimeoutError("a state never came")
        await asyncio.sleep(0.05)


async def _is(count: Awaitable[int], wanted: int) -> bool:
    return await count == wanted


async def _has_queued(platform: Platform, wanted: int) -> bool:
    return await asyncio.to_thread(_queue_length, platform.broker_url) >= wanted


def _queue_length(url: str) -> int:
    if url.startswith("redis"):
        # kombu's own way, a passive declaration, finds no queue under a key prefix.
        with redis.Redis.from_url(url) as client:
            return sum(int(client.llen(f"ap:celery:{queue}")) for queue in QUEUES)
    with kombu.Connection(url) as connection:
        channel: Any = connection.default_channel
        return sum(channel.queue_declare(queue, passive=True).message_count for queue in QUEUES)


def _rows(url: str, query: str, parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query.encode(), parameters).fetchall()
