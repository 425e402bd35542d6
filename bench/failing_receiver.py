"""What becomes of a webhook whose receiver fails in each way in turn, and of one beside it that is well.

    .venv/bin/python -m bench.failing_receiver

A real platform with the shipped waits between attempts, so it takes three minutes. The bad receiver answers 500, then nothing,
then a redirect to an address inside, then 200; the good one takes all. Prints each attempt as it was kept. Loopback only.
"""

import asyncio
import os
import subprocess
import sys
import time
from typing import Any

from aiohttp import web

from agentplatform.embedded.ports import LOOPBACK, free_port
from bench.platform import ROOT, Platform, platform

TIMEOUT_SECONDS = 3
LONGEST_SECONDS = 300
STEPS = ("500", "silence", "a redirect to 169.254.169.254", "200")
ATTEMPTS = (
    "SELECT url, attempts, state, status_code, fault, next_attempt_at FROM webhooks_delivery ORDER BY url, created_at"
)


class Receiver:
    """A server with a good and a bad address."""

    def __init__(self) -> None:
        self.bad_calls: list[str] = []
        self.good_calls = 0

    async def good(self, _: web.Request) -> web.Response:
        """Takes it."""
        self.good_calls += 1
        return web.Response()

    async def bad(self, request: web.Request) -> web.Response:
        """Fails in another way at each call, then takes it."""
        self.bad_calls.append(request.headers["webhook-id"])
        step = STEPS[min(len(self.bad_calls), len(STEPS)) - 1]
        if step == "silence":
            await asyncio.sleep(TIMEOUT_SECONDS + 2)
        if step.startswith("a redirect"):
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        return web.Response(status=500 if step == "500" else 200)


async def watch(run: Platform, began: float) -> None:
    """Print each change of a delivery, until all have ended."""
    seen: dict[str, Any] = {}
    while time.monotonic() - began < LONGEST_SECONDS:
        rows = await asyncio.to_thread(run.query, ATTEMPTS)
        for url, attempts, state, status, fault, due in rows:
            whose = url.rpartition("/")[2]
            if (state, status, fault) != seen.get(whose) and (status or fault):
                seen[whose] = state, status, fault
                wait = f"; the next is due in {(due - due.now(due.tzinfo)).total_seconds():.0f} s" if due else ""
                what = f"{status or '–'} {fault or 'taken'}{wait}"
                say(f"+{time.monotonic() - began:6.1f} s  {whose:4}  attempt {attempts}  {state:9}  {what}")
        if rows and all(row[2] == "delivered" for row in rows):
            return
        await asyncio.sleep(0.05)
    sys.exit("not delivered in time")


async def measure(run: Platform, receiver: Receiver, port: int) -> None:
    """Run two tasks at the same moment, one for each address, and watch."""
    began = time.monotonic()
    async with run.client(timeout=30) as client:
        await asyncio.gather(
            *(
                client.post(
                    "/agent/execute", json={"task": f"For {whose}.", "webhook_url": f"http://{LOOPBACK}:{port}/{whose}"}
                )
                for whose in ("bad", "good")
            )
        )
    await watch(run, began)
    say(f"good was called {receiver.good_calls} time; bad {len(receiver.bad_calls)} times, by one webhook-id: "
        f"{len(set(receiver.bad_calls)) == 1}")  # fmt: skip


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def make_key(run: Platform) -> str:
    """A key of the same client that may make its webhook secret."""
    ((client,),) = run.query("SELECT name FROM accounts_client ORDER BY created_at DESC LIMIT 1")
    command = [sys.executable, "manage.py", "createapikey", "--client", client, "--scopes", "keys"]
    environment = {**os.environ, **run.environment}
    made = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return next(word for word in made.stdout.split() if word.startswith("ap_"))


async def main() -> None:
    """Start a receiver and a platform, and watch."""
    receiver, port = Receiver(), free_port()
    app = web.Application()
    app.add_routes([web.post("/good", receiver.good), web.post("/bad", receiver.bad)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, port).start()
    permitted = f"{LOOPBACK}:{port}"
    with (
        platform(EGRESS_ALLOWED=permitted, WEBHOOK_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)) as run,
        run.web(),
        run.sweeper(),
    ):
        key = await asyncio.to_thread(make_key, run)
        async with run.client() as client:
            made = await client.post("/account/webhook-secret", headers={"Authorization": f"Bearer {key}"})
            made.raise_for_status()
        await measure(run, receiver, port)


if __name__ == "__main__":
    asyncio.run(main())
