"""How many event streams one web process keeps open, and over how many database connections.

    .venv/bin/python -m bench.streams [--streams 1000] [--tasks 50] [--model-seconds 60]

Background tasks run on a slow model in a worker; clients follow them with `GET /agent/events/{id}`, several each. When all
streams are open, connections and memory are looked at; then every stream has to get its text and its end. The figures go to
bench/results/streams.json.
"""

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.platform import Platform, Usage, platform

RESULT = Path(__file__).parent / "results" / "streams.json"


@dataclass
class Stream:
    """What one client saw."""

    text: str = ""
    last: str = ""
    error: str = ""
    opened: asyncio.Event = field(default_factory=asyncio.Event)


async def follow(session: aiohttp.ClientSession, url: str, stream: Stream) -> None:
    """Read one stream to its end."""
    name = ""
    try:
        async with session.get(url) as answer:
            answer.raise_for_status()
            stream.opened.set()
            async for line in answer.content:
                if line.startswith(b"event: "):
                    name = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    stream.last = name
                    if name == "text.delta":
                        stream.text += json.loads(line[6:])["text"]
    except aiohttp.ClientError as error:
        stream.error = type(error).__name__
        stream.opened.set()


async def measured(run: Platform, web: int, streams: int, tasks: int) -> dict[str, Any]:
    """Open the streams, look at the web process while all are open, and wait for their ends."""
    limits = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {run.key}"}
    async with aiohttp.ClientSession(
        run.url, connector=limits, headers=headers, timeout=aiohttp.ClientTimeout()
    ) as session:
        task_ids = [await _accepted(session, number) for number in range(tasks)]
        before, began = Usage.of(web), time.monotonic()
        seen = [Stream() for _ in range(streams)]
        following = [
            asyncio.create_task(follow(session, f"/agent/events/{task_ids[index % tasks]}", stream))
            for index, stream in enumerate(seen)
        ]
        await asyncio.gather(*(stream.opened.wait() for stream in seen))
        opened = time.monotonic() - began
        while_open, connections = Usage.of(web), 0
        while any(not task.done() for task in following):
            connections = max(connections, run.connections_of(web))
            await asyncio.sleep(0.5)
        after = Usage.of(web)
    completed = [stream for stream in seen if stream.last == "task.completed"]
    return {
        "streams": streams,
        "tasks": tasks,
        "seconds_to_open_all": round(opened, 1),
        "streams_that_saw_the_end": len(completed),
        "streams_with_the_whole_text": sum(stream.text == "A slow answer." for stream in completed),
        "streams_that_failed": sum(bool(stream.error) for stream in seen),
        "web_database_connections_at_most": connections,
        "web_mb_before": before.rss_mb,
        "web_mb_with_all_open": while_open.rss_mb,
        "web_mb_at_most": after.peak_mb,
        "web_cpu_seconds": round(after.cpu_seconds - before.cpu_seconds, 1),
    }


async def _accepted(session: aiohttp.ClientSession, number: int) -> str:
    body = {"task": f"Number {number}.", "async_execution": True, "cache": "bypass"}
    async with session.post("/agent/execute", json=body) as answer:
        answer.raise_for_status()
        return str((await answer.json())["task_id"])


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--model-seconds", type=float, default=60)
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    at = platform(model_seconds=options.model_seconds, WORKER_CONCURRENCY=str(options.tasks))
    with at as run, run.web() as web, run.sweeper(), run.worker():
        figures = asyncio.run(measured(run, web, options.streams, options.tasks))
    text = json.dumps(figures, indent=2)
    print(text)  # noqa: T201  # what it is for
    options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
