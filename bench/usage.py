"""How long `GET /agent/usage` takes with a million tasks behind it.

    .venv/bin/python -m bench.usage [--tasks 1000000] [--calls 300]

Makes the tasks in PostgreSQL, all of one client, over 30 days, 5 keys and 6 agents, so that the trigger notes each end as it
does in life; rolls them up, and asks over HTTP, one call after the other: with nothing left to roll up, and with the last
10,000 tasks not rolled up yet. Beside it, what the same figures take from the tasks themselves, and the count of tasks by
status that /metrics shows. The figures go to bench/results/usage.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench.platform import ROOT, Platform, platform

RESULT = Path(__file__).parent / "results" / "usage.json"
TAIL = 10_000
KEYS = """
    INSERT INTO accounts_apikey (id, client_id, name, prefix, digest, family, scopes, allowed_agent_types, allowed_networks,
        is_active, created_at)
    SELECT gen_random_uuid(), client_id, 'key ' || number, 'bench', ('\\x0' || number)::bytea, gen_random_uuid(), '[]', '[]',
        '[]', true, now() FROM (SELECT client_id FROM agents_task LIMIT 1) AS one, generate_series(1, 4) AS number
"""
TASKS = """
    INSERT INTO agents_task SELECT (jsonb_populate_record(one.task, jsonb_build_object(
        'id', gen_random_uuid(), 'api_key_id', keys.ids[1 + number %% 5], 'agent_type', 'agent-' || number %% 6,
        'created_at', now() - number %% 30 * interval '1 day', 'completed_at', now() - number %% 30 * interval '1 day'))).*
    FROM (SELECT task FROM agents_task AS task LIMIT 1) AS one,
        (SELECT array_agg(id) AS ids FROM accounts_apikey WHERE client_id = (SELECT client_id FROM agents_task LIMIT 1)) AS keys,
        generate_series(%s::int, %s::int) AS number
"""
FROM_TASKS = """
    SELECT GROUPING(day, agent_type, api_key_id), day, agent_type, api_key_id, count(*), sum(input_tokens), sum(cost_usd)
    FROM (SELECT *, (completed_at AT TIME ZONE 'UTC')::date AS day FROM agents_task WHERE client_id =
        (SELECT client_id FROM agents_task LIMIT 1)) AS used
    GROUP BY GROUPING SETS ((), (day), (agent_type), (api_key_id))
"""
ENDED = "SELECT sum(completed), sum(failed), sum(cancelled) FROM usage_dailyusage"
BY_STATUS = "SELECT status, count(*) FROM agents_task GROUP BY status"


def timed(work: Callable[[], Any], times: int) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return {"median_ms": round(statistics.median(taken), 2), "p95_ms": round(sorted(taken)[int(times * 0.95)], 2)}


def write(run: Platform, statement: str, *values: object) -> None:
    """Change the platform's database."""
    with psycopg.connect(run.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement.encode(), values)


def roll_up(run: Platform) -> float:
    """One round of a sweeper; give its seconds."""
    began = time.perf_counter()
    command = [sys.executable, "manage.py", "runsweeper", "--once"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **run.environment}, check=True)
    return round(time.perf_counter() - began, 1)


def measured(run: Platform, tasks: int, calls: int) -> dict[str, Any]:
    """All the figures."""
    headers = {"Authorization": f"Bearer {run.key}"}
    with httpx.Client(base_url=run.url, headers=headers, timeout=60) as client:
        client.post("/agent/execute", json={"task": "One."}).raise_for_status()
        write(run, KEYS)
        for first in range(1, tasks, 100_000):
            write(run, TASKS, first, min(first + 99_999, tasks - 1))
        figures: dict[str, Any] = {"tasks": tasks, "rolled_up_in_seconds": roll_up(run)}
        # In life a round moves thousands at most, and autovacuum clears up behind it; here it was all of them at once.
        write(run, "VACUUM ANALYZE")

        def asked(path: str) -> Any:
            return client.get(path).raise_for_status().json()

        figures["usage"] = timed(lambda: asked("/agent/usage"), calls)
        figures["GET /account, for comparison"] = timed(lambda: asked("/account"), calls)
        figures["from the tasks"] = timed(lambda: run.query(FROM_TASKS), 5)
        figures["tasks by status, from the tasks"] = timed(lambda: run.query(BY_STATUS), 5)
        figures["tasks by status, from the roll-ups"] = timed(lambda: run.query(ENDED), 50)
        write(run, TASKS, 1, TAIL)
        figures[f"usage, {TAIL} tasks not rolled up"] = timed(lambda: asked("/agent/usage"), calls)
        counted = asked("/agent/usage")["requests"]
        if counted != tasks + TAIL:
            raise SystemExit(f"Of {tasks + TAIL} tasks, {counted} were counted.")
    return figures


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    with platform(model_seconds=0) as run, run.web():
        text = json.dumps(measured(run, options.tasks, options.calls), indent=2)
    print(text)  # noqa: T201  # what it is for
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")


if __name__ == "__main__":
    main()
