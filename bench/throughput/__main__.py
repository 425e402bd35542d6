"""Requests a second beside peers: `make bench`, or `.venv/bin/python -m bench.throughput [--seconds 10] [--rounds 3]`.

PostgreSQL, Redis, nginx as a model that answers at once, the platform as `make run` has it, and the peers that PEERS names
(`fastapi,tuned`). In each round every server is asked in turn, in an order that changes; every answer is looked at, and each task
that was accepted has to end. Ratios are taken in each round, and their medians told. The figures go to
bench/results/throughput.json and, with --write, into docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import platform as machine
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench.platform import ROOT, Platform, platform
from bench.throughput import servers
from bench.throughput.model import nginx
from bench.throughput.servers import OURS, Server

RESULT = ROOT / "bench" / "results" / "throughput.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- throughput -->", "<!-- /throughput -->"
LOAD = Path(__file__).with_name("load.lua")
CONNECTIONS = 64
CASES = ("hit", "miss", "accept", "poll")
OF_PEERS = ("hit", "miss")
TITLES = {
    "hit": "answered from the cache",
    "miss": "a new task",
    "accept": "accepted in the background",
    "poll": "a status",
}


def loaded(server: Server, case: str, seconds: int) -> dict[str, Any]:
    """One measurement by wrk."""
    path = ""
    if case == "poll":
        body = {"task": "Say hello.", "cache": "bypass"}
        answer = httpx.post(f"{server.url}/agent/execute", json=body, headers={"Authorization": f"Bearer {server.key}"})
        path = f"/agent/status/{answer.json()['task_id']}"
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--latency",
            "-s",
            str(LOAD),
            f"{server.url}/agent/execute",
        ],
        env={**os.environ, "BENCH_KEY": server.key, "BENCH_CASE": case, "BENCH_PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["wrong"] or found["timeouts"]:
        print(f"  {server.name}: {found['wrong']} wrong answers, the first: {done.stderr[:300]}", file=sys.stderr)
    return {**found, "rss_mb": server.rss_mb()}


def all_ended(run: Platform, within_seconds: float = 180) -> int:
    """Wait until no task is left that has not ended; gives how many have not in that time."""
    until, left = time.monotonic() + within_seconds, 0
    while time.monotonic() < until:
        ((left,),) = run.query("SELECT count(*) FROM agents_task WHERE completed_at IS NULL")
        if not left:
            break
        time.sleep(0.5)
    return int(left)


def measured(run: Platform, there: list[Server], seconds: int, rounds: int) -> list[dict[str, Any]]:
    """All cases of all servers, round by round; a first short round only warms up."""
    found, chance = [], random.Random(1)
    for number in range(rounds + 1):
        for case in CASES:
            for server in chance.sample(there, len(there)):
                if server.name != OURS and case not in OF_PEERS:
                    continue
                figures = loaded(server, case, seconds if number else 3)
                if number:
                    found.append({"round": number, "case": case, "server": server.name, **figures})
                told = f"round {number} of {rounds}  {case:<7}{server.name:<9}{figures['rps']:>9.1f} req/s"
                print(f"{told}  p95 {figures['p95_ms']:>7.1f} ms", file=sys.stderr)
                if case == "accept":
                    began = time.monotonic()
                    left = all_ended(run)
                    rate = figures["requests"] / (seconds + time.monotonic() - began)
                    print(f"  all ended but {left}; {rate:.0f} tasks a second to the end", file=sys.stderr)
                    if number:
                        found[-1] |= {"ended_a_second": round(rate, 1), "left": left}
    return found


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The figures as Markdown: the median of rounds, and the platform's ratio to each peer."""
    peers = sorted({row["server"] for row in rows} - {OURS})
    lines = [
        f"| Request | requests/s | p50, ms | p95, ms | {' | '.join(f'÷ {name}' for name in peers)} |".replace(
            "|  |", "|"
        ),
        "|---" * (4 + len(peers)) + "|",
    ]
    for case in CASES:
        own = [row for row in rows if row["case"] == case and row["server"] == OURS]
        if not own:
            continue
        figures = [_median(own, name) for name in ("rps", "p50_ms", "p95_ms")]
        ratios = [_ratio(own, [row for row in rows if row["case"] == case and row["server"] == name]) for name in peers]
        cells = [TITLES[case], f"{figures[0]:,.0f}", f"{figures[1]:.0f}", f"{figures[2]:.0f}", *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _median(rows: list[dict[str, Any]], name: str) -> float:
    return float(statistics.median(row[name] for row in rows))


def _ratio(own: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> str:
    of_round = {row["round"]: row["rps"] for row in theirs}
    ratios = [row["rps"] / of_round[row["round"]] for row in own if row["round"] in of_round]
    return f"{statistics.median(ratios):.2f}" if ratios else "–"


def written(text: str, lines: list[str], told: str) -> str:
    """The page with the table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join([told, "", *lines]) + f"\n{END}{after}"


def main() -> int:
    """Measure, print, keep; 1 when an answer was wrong or a task was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are told (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round of three seconds, to try the harness")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    seconds, rounds = (3, 1) if options.quick else (options.seconds, options.rounds)
    for program, package in (("wrk", "wrk"), ("nginx", "nginx")):
        if not shutil.which(program) and not Path(f"/usr/sbin/{program}").exists():
            print(f"{program} is missing. Debian and Ubuntu: apt-get install {package}", file=sys.stderr)
            return 2
    chosen = [name for name in os.environ.get("PEERS", "fastapi,tuned").split(",") if name]
    if unknown := set(chosen) - {"fastapi", "tuned"}:
        print(f"PEERS takes fastapi and tuned, not {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(platform(AGENT_MODEL="gpt-4o-mini", LOG_LEVEL="INFO"))
        model_url = stack.enter_context(nginx(run.folder / "nginx"))
        run.environment["OPENAI_BASE_URL"] = model_url
        counted = run.folder / "metrics"
        counted.mkdir()
        run.environment["PROMETHEUS_MULTIPROC_DIR"] = str(counted)
        there = [stack.enter_context(servers.ours(run))]
        there += [stack.enter_context(servers.peer(run, model_url, is_tuned=name == "tuned")) for name in chosen]
        rows = measured(run, there, seconds, rounds)
    lines = table(rows)
    print("\n".join(lines))
    about = {
        "python": machine.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "seconds": seconds,
        "rounds": rounds,
        "connections": CONNECTIONS,
        "at": time.strftime("%Y-%m-%d"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({**about, "rows": rows}, indent=1))
    if options.write:
        told = (
            f"{about['at']}, Python {about['python']}, {about['cores']} cores, {CONNECTIONS} connections, medians of "
            f"{rounds} rounds of {seconds} s:"
        )
        PAGE.write_text(written(PAGE.read_text(), lines, told))
    return 1 if any(row["wrong"] or row["timeouts"] or row.get("left") for row in rows) else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main())
