"""What a flood of bad keys does to valid clients: p95 of GET /agent/types without and with it, in one run.

    .venv/bin/python -m bench.bad_key_flood [--seconds 10] [--valid 8] [--flood 32] [--rate 300]

One web process, loopback only. The flood sends made-up keys with a true checksum, each another, from one address, 32 clients
at once. With --rate 0 it guesses as fast as it goes, which on a small machine takes the cores from everybody, the valid
clients of this program too. The phases alternate, so that a noisy machine disturbs both alike.
"""

import argparse
import asyncio
import random
import secrets
import statistics
import sys
import time
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import aiohttp

from bench.platform import platform

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROUNDS = 3


def made_up_key() -> str:
    """A well-formed key that nobody has."""
    body = f"ap_live_{_random(8)}_{_random(43)}"
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = ALPHABET[digit] + digits
    return f"{body}_{digits}"


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


async def valid_client(session: aiohttp.ClientSession, url: str, key: str, ends: float, times: list[float]) -> None:
    """Call again and again, 20 ms apart, and note how long each answer takes."""
    while time.monotonic() < ends:
        began = time.perf_counter()
        async with session.get(f"{url}/agent/types", headers={"Authorization": f"Bearer {key}"}) as answer:
            await answer.read()
            if answer.status != 200:
                sys.exit(f"a valid call was answered {answer.status}")
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)


async def flooder(
    session: aiohttp.ClientSession, url: str, ends: float, statuses: Counter[int], pause_seconds: float
) -> None:
    """Guess as fast as it goes, or with a pause after each guess; those who pause do not begin all at once."""
    await asyncio.sleep(random.uniform(0, pause_seconds))  # noqa: S311  # no secret
    while time.monotonic() < ends:
        async with session.get(f"{url}/agent/types", headers={"Authorization": f"Bearer {made_up_key()}"}) as answer:
            await answer.read()
            statuses[answer.status] += 1
        await asyncio.sleep(pause_seconds)


def flood(url: str, ends: float, flooders: int, rate: float) -> Counter[int]:
    """Guess until then, in a process of its own: what that costs is no part of the valid clients' times. Gives the answers."""

    async def guess() -> Counter[int]:
        statuses: Counter[int] = Counter()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            pause = flooders / rate if rate else 0
            await asyncio.gather(*(flooder(session, url, ends, statuses, pause) for _ in range(flooders)))
        return statuses

    return asyncio.run(guess())


async def valid_calls(url: str, key: str, ends: float, clients: int) -> list[float]:
    """How long each call of the valid clients takes until then, in seconds."""
    times: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(valid_client(session, url, key, ends, times) for _ in range(clients)))
    return times


def p95(times: list[float]) -> float:
    """Milliseconds."""
    return statistics.quantiles(times, n=20)[-1] * 1e3


async def measure(url: str, key: str, options: argparse.Namespace) -> None:
    """Alternate calm and flood, and print both."""
    calm: list[float] = []
    flooded: list[float] = []
    statuses: Counter[int] = Counter()
    await valid_calls(url, key, time.monotonic() + 2, options.valid)  # warm
    with ProcessPoolExecutor(1) as beside:
        beside.submit(made_up_key).result()  # it has started
        for _ in range(ROUNDS):
            calm += await valid_calls(url, key, time.monotonic() + options.seconds, options.valid)
            ends = time.monotonic() + options.seconds
            answered = beside.submit(flood, url, ends, options.flood, options.rate)
            flooded += await valid_calls(url, key, ends, options.valid)
            statuses += answered.result()
    rate = sum(statuses.values()) / (ROUNDS * options.seconds)
    for name, times in (("without", calm), ("with", flooded)):
        median = statistics.median(times) * 1e3
        say(f"{name} the flood: p50 {median:.1f} ms, p95 {p95(times):.1f} ms over {len(times)} valid calls")
    say(f"ratio of p95: {p95(flooded) / p95(calm):.2f}; flood {rate:.0f}/s, answered {dict(statuses)}")


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Start a platform, and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--valid", type=int, default=8)
    parser.add_argument("--flood", type=int, default=32)
    parser.add_argument("--rate", type=float, default=300, help="guesses a second, in all; 0: as many as it can")
    options = parser.parse_args()
    with platform() as run, run.web():
        asyncio.run(measure(run.url, run.key, options))


if __name__ == "__main__":
    main()
