"""How long after the model's own a client gets the first piece of a text, each further one, and the end.

    .venv/bin/python -m bench.stream_delay [--tasks 20] [--at-once 2] [--deltas 40] [--seconds-between 0.05]

The model writes into each piece when it sent it (see `delta_model.py`); clients subtract that from when they read it, by the
same clock. Three ways: streamed by the web process that runs the task; a background task's events, from a web process while a
worker runs it; and a long-poll of a background task's end. The figures go to bench/results/stream_delay.json.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.platform import Platform, platform

RESULT = Path(__file__).parent / "results" / "stream_delay.json"


@dataclass
class Delays:
    """In seconds: of each task's first piece, and of all pieces."""

    first: list[float] = field(default_factory=list)
    each: list[float] = field(default_factory=list)

    def read(self, text: str) -> None:
        """Take note of a piece that was read now; where several came as one, of each of them."""
        now = time.monotonic()
        for sent in text.split():
            self.each.append(now - float(sent))

    def figures(self) -> dict[str, Any]:
        return {name: _told(values) for name, values in (("first", self.first), ("each", self.each)) if values}


def _told(seconds: list[float]) -> dict[str, Any]:
    in_order = sorted(value * 1000 for value in seconds)
    p95 = in_order[min(len(in_order) - 1, int(len(in_order) * 0.95))]
    return {
        "count": len(in_order),
        "p50_ms": round(statistics.median(in_order), 2),
        "p95_ms": round(p95, 2),
        "most_ms": round(in_order[-1], 2),
    }


async def _deltas(answer: aiohttp.ClientResponse) -> AsyncIterator[str]:
    name = ""
    async for line in answer.content:
        if line.startswith(b"event: "):
            name = line[7:].decode().strip()
        elif line.startswith(b"data: ") and name == "text.delta":
            yield json.loads(line[6:])["text"]


async def _follow(answer: aiohttp.ClientResponse, delays: Delays) -> None:
    answer.raise_for_status()
    mine = Delays()
    async for text in _deltas(answer):
        mine.read(text)
    assert mine.each, "no text came"
    delays.first.append(mine.each[0])
    delays.each.extend(mine.each)


async def streamed(session: aiohttp.ClientSession, body: dict[str, Any], delays: Delays) -> None:
    """The web process runs the task and streams it."""
    async with session.post("/agent/execute", json={**body, "stream": True}) as answer:
        await _follow(answer, delays)


async def background(session: aiohttp.ClientSession, body: dict[str, Any], delays: Delays) -> None:
    """A worker runs it; a web process tells its events."""
    async with session.get(f"/agent/events/{await _accepted(session, body)}") as answer:
        await _follow(answer, delays)


async def long_poll(session: aiohttp.ClientSession, body: dict[str, Any], delays: Delays) -> None:
    """A worker runs it; its end is waited for. What is measured is the last piece, which is all that comes after it."""
    task_id = await _accepted(session, body)
    task: dict[str, Any] = {"status": "queued"}
    while task["status"] not in ("completed", "failed"):
        async with session.get(f"/agent/status/{task_id}?wait=60") as answer:
            answer.raise_for_status()
            task = await answer.json()
    last = Delays()
    last.read(task["result"].split()[-1])
    delays.each.extend(last.each)


WAYS: dict[str, Callable[[aiohttp.ClientSession, dict[str, Any], Delays], Awaitable[None]]] = {
    "streamed": streamed,
    "background_events": background,
    "long_poll_end": long_poll,
}


async def _accepted(session: aiohttp.ClientSession, body: dict[str, Any]) -> str:
    async with session.post("/agent/execute", json={**body, "async_execution": True}) as answer:
        answer.raise_for_status()
        return str((await answer.json())["task_id"])


async def measured(run: Platform, tasks: int, at_once: int) -> dict[str, Any]:
    """Each way in turn, a few tasks at a time; the first task of each is not counted, as processes warm up."""
    found: dict[str, Any] = {}
    headers = {"Authorization": f"Bearer {run.key}"}
    async with aiohttp.ClientSession(run.url, headers=headers, timeout=aiohttp.ClientTimeout()) as session:
        for name, way in WAYS.items():
            await way(session, _body(name, -1), Delays())
            delays, gate = Delays(), asyncio.Semaphore(at_once)
            await asyncio.gather(*(_one(gate, way, session, _body(name, number), delays) for number in range(tasks)))
            found[name] = delays.figures()
    return found


async def _one(gate: asyncio.Semaphore, way: Any, session: aiohttp.ClientSession, body: Any, delays: Delays) -> None:
    async with gate:
        await way(session, body, delays)


def _body(name: str, number: int) -> dict[str, Any]:
    return {"task": f"{name} {number}", "cache": "bypass"}


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--deltas", type=int, default=40)
    parser.add_argument("--seconds-between", type=float, default=0.05)
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    model = ("bench.delta_model", str(options.deltas), str(options.seconds_between))
    with platform(model=model, WORKER_CONCURRENCY="8") as run, run.web(), run.sweeper(), run.worker():
        figures = asyncio.run(measured(run, options.tasks, options.at_once))
    load = [round(each, 2) for each in os.getloadavg()]
    told = {"tasks": options.tasks, "at_once": options.at_once, "load": load, "cores": os.cpu_count(), **figures}
    text = json.dumps(told, indent=2)
    print(text)  # noqa: T201  # what it is for
    options.result.parent.mkdir(exist_ok=True)
    options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
