"""How long each page of the console, and each reading call of the API, takes on a database with a million tasks.

    .venv/bin/python -m bench.pages [--tasks 1000000] [--keys 10000] [--rounds 20]

Fills a PostgreSQL of its own with `manage.py demodata`, starts the product's web server, a worker and a sweeper, signs in to the
console, and asks for each page and each call, one after the other. With `--filled`, the database that DATABASE_URL and REDIS_URL
name is measured, which `demodata` has filled before. The figures go to bench/results/pages.json.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from agentplatform.embedded.ports import LOOPBACK, free_port
from bench.pages import api, console
from bench.platform import ROOT, Platform, platform

RESULT = ROOT / "bench" / "results" / "pages.json"
CLIENTS, KEYS_OF_EACH = 10, 10
CALLS = 200


def manage(run: Platform, *arguments: str, **settings: str) -> str:
    """A command of the platform; gives what it printed."""
    environment = {**os.environ, **run.environment, **settings}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def timed(work: Callable[[], Any], times: int) -> dict[str, float]:
    """Median and 95th percentile in milliseconds, after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return {"p50_ms": round(statistics.median(taken), 1), "p95_ms": round(sorted(taken)[int(times * 0.95) - 1], 1)}


def measured(run: Platform, rounds: int, only: str) -> dict[str, Any]:
    """All pages and calls, by their names."""
    secrets = {}
    for client_id, name in run.query(api.BUSIEST, CLIENTS):
        secrets[client_id] = manage(
            run, "createapikey", "--client", name, "--scopes", "execute,read,feedback,usage,keys"
        )
    with contextlib.suppress(subprocess.CalledProcessError):  # it is there already
        manage(run, "createsuperuser", "--noinput", "--username", "bench", "--email", "bench@example.org",
               DJANGO_SUPERUSER_PASSWORD=console.PASSWORD)  # fmt: skip
    with run.web(), run.worker(), run.sweeper():
        clients = [api.known(run, client_id, secret, KEYS_OF_EACH) for client_id, secret in secrets.items()]
        found: dict[str, Any] = {"pages": {}, "api": {}}
        signed_in = console.operator(run)
        for name, path in console.pages(run, signed_in):
            if only in name:
                found["pages"][name] = timed(lambda path=path: _shown(signed_in, path), rounds)
                _tell(name, found["pages"][name])
        with httpx.Client(base_url=run.url, timeout=60) as client:
            for name, ask in api.calls(client, clients):
                if only in name:
                    found["api"][name] = timed(ask, CALLS)
                    _tell(name, found["api"][name])
    return found


def _shown(client: httpx.Client, path: str) -> None:
    shown = client.get(path)
    if shown.status_code != 200:
        raise SystemExit(f"{path}: {shown.status_code}")


def _tell(name: str, taken: dict[str, float]) -> None:
    print(f"{name:60} {taken['p50_ms']:9.1f} {taken['p95_ms']:9.1f}", flush=True)  # noqa: T201  # what it is for


@contextlib.contextmanager
def filled(tasks: int, keys: int, *, is_there: bool) -> Iterator[tuple[Platform, float | None]]:
    """A platform with so much demo data, and the seconds that making it took."""
    if is_there:
        environment = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "DATA_DIR")}
        run = Platform(Path(environment["DATA_DIR"]), "", environment, f"http://{LOOPBACK}:{free_port()}", "")
        yield run, None
        return
    # Journals are kept for ever, so that every task has one.
    with platform(model_seconds=0, JOURNAL_KEPT_DAYS="0") as run:
        began = time.monotonic()
        manage(run, "demodata", "--tasks", str(tasks), "--keys", str(keys), "--days", "90")
        yield run, round(time.monotonic() - began)


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--filled", action="store_true", help="measure what DATABASE_URL names, and fill nothing")
    parser.add_argument("--only", default="", help="measure what has this in its name, and keep no figures")
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    with filled(options.tasks, options.keys, is_there=options.filled) as (run, seconds):
        figures: dict[str, Any] = {"tasks": options.tasks, "keys": options.keys, "filled_in_seconds": seconds}
        ((size,),) = run.query("SELECT round(pg_database_size(current_database()) / 1e9, 1)::float8")
        figures |= {"database_gb": size, **measured(run, options.rounds, options.only)}
    if not options.only:
        options.result.parent.mkdir(exist_ok=True)
        options.result.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
