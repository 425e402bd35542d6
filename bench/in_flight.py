"""How much memory and processor time one worker process takes with hundreds of tasks in flight.

    .venv/bin/python -m bench.in_flight [--tasks 500] [--model-seconds 60]

Sends the tasks over HTTP, then starts the worker and waits until all have ended; meanwhile the model thinks about all of
them at once. The figures go to bench/results/in_flight.json. A sweeper's connections are counted with the worker's.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from bench.platform import Platform, Usage, platform

RESULT = Path(__file__).parent / "results" / "in_flight.json"
CONNECTIONS = """
    SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity WHERE application_name = 'agentplatform'
"""


async def sent(run: Platform, tasks: int) -> None:
    """Send the tasks, as a client would; no worker is there yet, so all are ready at once."""
    gate = asyncio.Semaphore(32)
    async with run.client(timeout=60) as client:

        async def send(number: int) -> None:
            async with gate:
                body = {"task": f"Number {number}.", "async_execution": True, "cache": "bypass"}
                (await client.post("/agent/execute", json=body)).raise_for_status()

        await asyncio.gather(*map(send, range(tasks)))


def measured(run: Platform, worker: int, tasks: int, give_up_seconds: float) -> dict[str, Any]:
    """Watch the worker until the last task has ended."""
    began = time.monotonic()
    in_flight, connections, threads, started_after = 0, (0, 0), 0, 0.0
    while _ended(run) < tasks and time.monotonic() - began < give_up_seconds:
        thinking = run.calls()["thinking"]
        if thinking > in_flight:
            in_flight, started_after, threads = thinking, time.monotonic() - began, Usage.of(worker).threads
        elif thinking == in_flight == tasks:
            ((total, busy),) = run.query(CONNECTIONS)
            connections = (total, busy)
        time.sleep(0.5)
    usage = Usage.of(worker)
    return {
        "tasks": tasks,
        "most_in_flight_at_once": in_flight,
        "seconds_until_so_many": round(started_after, 1),
        "ended": dict(run.query("SELECT status, count(*) FROM agents_task GROUP BY 1")),
        "model_calls": run.calls()["came"],
        "seconds_in_all": round(time.monotonic() - began, 1),
        "worker_mb_at_most": usage.peak_mb,
        "worker_threads": threads,
        "worker_cpu_seconds": usage.cpu_seconds,
        "worker_connections": connections[0],
        "of_these_busy_while_all_wait": connections[1],
    }


def _ended(run: Platform) -> int:
    final = "SELECT count(*) FROM agents_task WHERE status IN ('completed', 'failed', 'cancelled')"
    return int(run.query(final)[0][0])


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--model-seconds", type=float, default=60)
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    with platform(model_seconds=options.model_seconds, WORKER_CONCURRENCY=str(options.tasks)) as run:
        with run.web():
            asyncio.run(sent(run, options.tasks))
        with run.sweeper(), run.worker() as worker:
            figures = measured(run, worker, options.tasks, give_up_seconds=options.model_seconds + 240)
    text = json.dumps(figures, indent=2)
    print(text)  # noqa: T201  # what it is for
    options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
