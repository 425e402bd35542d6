"""Whether many calls at once, over several processes, spend more than there is.

    .venv/bin/python -m bench.overspend [--calls 50] [--affordable 5] [--model-seconds 15]

Two web servers and a worker share one client's budget. On each route (in the request, streamed, in the background) all calls
come at once while there is money for a few; the model takes its time, so that nothing is settled meanwhile. Prints a line a
route, then what `manage.py checkledger` says. Loopback only.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx

from agentplatform.embedded.ports import LOOPBACK, free_port
from bench.platform import ROOT, Platform, platform

ROUTES: dict[str, dict[str, Any]] = {
    "in the request": {},
    "streamed": {"stream": True},
    "in the background": {"async_execution": True},
}


def manage(run: Platform, *command: str) -> str:
    """What a command of manage.py prints."""
    environment = {**os.environ, **run.environment}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    return (done.stdout or done.stderr).strip()


def set_limit(run: Platform, usd: Decimal) -> None:
    """Give the client so much for good."""
    ((name,),) = run.query("SELECT name FROM accounts_client ORDER BY created_at DESC LIMIT 1")
    said = manage(run, "setbudget", "--client", name, "--period", "lifetime", "--limit", f"{usd:f}")
    time.sleep(5)  # until each process has heard of it
    assert "lifetime" in said, said


async def call(client: httpx.AsyncClient, number: int, fields: dict[str, Any]) -> int:
    """One call of a length that all have, to its end; gives the status."""
    body = {"task": f"Number {number:03}.", "cache": "bypass", **fields}
    answer = await client.post("/agent/execute", json=body)
    if answer.status_code == 202:
        task_id = answer.json()["task_id"]
        while (await client.get(f"/agent/status/{task_id}?wait=30")).json()["status"] in ("queued", "running"):
            pass
    return answer.status_code


async def attempted(webs: list[Platform], fields: dict[str, Any], calls: int) -> Counter[int]:
    """All calls at once, over all web servers in turn; how each was answered."""
    clients = [web.client(timeout=180, limits=httpx.Limits(max_connections=calls)) for web in webs]
    sent = [call(clients[number % len(clients)], number, fields) for number in range(calls)]
    statuses = Counter(await asyncio.gather(*sent))
    for client in clients:
        await client.aclose()
    return statuses


def route(webs: list[Platform], name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One route's figures."""
    run = webs[0]
    set_limit(run, Decimal(0))
    refused = httpx.post(
        f"{run.url}/agent/execute",
        json={"task": "Number 000.", "cache": "bypass"},
        headers={"Authorization": f"Bearer {run.key}"},
        timeout=60,
    ).json()["budget"]
    limit = Decimal(refused["spent_usd"]) + options.affordable * Decimal(refused["needed_usd"])
    set_limit(run, limit)
    came, began = run.calls()["came"], time.monotonic()
    statuses = asyncio.run(attempted(webs, ROUTES[name], options.calls))
    seconds = time.monotonic() - began
    ((spent, reserved),) = run.query("SELECT spent_usd, reserved_usd FROM money_balance")
    return {
        "route": name,
        "answers": {str(status): count for status, count in sorted(statuses.items())},
        "model_calls": run.calls()["came"] - came,
        "limit_usd": f"{limit:f}",
        "spent_usd": f"{spent:f}",
        "reserved_usd": f"{reserved:f}",
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--affordable", type=int, default=5)
    parser.add_argument("--model-seconds", type=float, default=15)
    options = parser.parse_args()
    with platform(model_seconds=options.model_seconds) as run:
        other = replace(run, url=f"http://{LOOPBACK}:{free_port()}")
        with run.web(), other.web(), run.worker("--concurrency", "8"), run.sweeper():
            for name in ROUTES:
                print(json.dumps(route([run, other], name, options)), flush=True)  # noqa: T201  # the figures
            print(manage(run, "checkledger"))  # noqa: T201


if __name__ == "__main__":
    main()
