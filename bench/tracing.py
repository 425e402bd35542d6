"""What traces cost the web server: its processor time for one uncached task in the request, without traces and with them.

    .venv/bin/python -m bench.tracing [--rounds 6] [--tasks 800]

One process after the other serves the same tasks, four at a time, on the same stores, with a model that answers at once; the ways
take turns, so that what else the machine does meets all of them. With traces, spans go to a receiver that reads and drops them;
what their sending takes, in its own thread, is counted with the rest. The figures go to bench/results/tracing.json.
"""

import argparse
import asyncio
import json
import statistics
import threading
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from agentplatform.embedded.ports import LOOPBACK, free_port
from bench.platform import Platform, Usage, platform

RESULT = Path(__file__).parent / "results" / "tracing.json"
WARM_UP = 100
AT_ONCE = 4


class Drop(BaseHTTPRequestHandler):
    """Takes spans, and does nothing with them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


async def sent(run: Platform, tasks: int) -> None:
    """Have so many tasks done, each the first of its kind."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with run.client(timeout=60) as client:

        async def send(number: int) -> None:
            async with gate:
                body = {"task": f"Number {number}.", "cache": "bypass"}
                (await client.post("/agent/execute", json=body)).raise_for_status()

        await asyncio.gather(*map(send, range(tasks)))


def microseconds(run: Platform, settings: Mapping[str, str], tasks: int) -> float:
    """The processor time of one task in a web process with these settings."""
    own = replace(run, environment={**run.environment, **settings}, url=f"http://{LOOPBACK}:{free_port()}")
    with own.web() as pid:
        asyncio.run(sent(own, WARM_UP))
        before = Usage.of(pid).cpu_seconds
        asyncio.run(sent(own, tasks))
        return (Usage.of(pid).cpu_seconds - before) / tasks * 1e6


def main() -> None:
    """Measure, and write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--tasks", type=int, default=800)
    options = parser.parse_args()
    with ThreadingHTTPServer((LOOPBACK, 0), Drop) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        on = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{receiver.server_address[1]}"}
        ways = {"off": {}, "on": on, "on, with content": {**on, "TRACE_CONTENT": "yes"}}
        figures: dict[str, list[float]] = {name: [] for name in ways}
        with platform() as run:
            for _ in range(options.rounds):
                for name, settings in ways.items():
                    figures[name].append(round(microseconds(run, settings, options.tasks)))
        receiver.shutdown()
    result = {
        "tasks": options.tasks,
        "cpu_microseconds_a_task": figures,
        "median": {name: statistics.median(found) for name, found in figures.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))  # noqa: T201  # a command for people


if __name__ == "__main__":
    main()
