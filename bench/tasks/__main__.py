"""How well agents do small jobs with a real model: `python -m bench.tasks`.

    OPENAI_API_KEY=… python -m bench.tasks [--model gpt-5-mini] [--kind arithmetic,lookup] [--only vat] [--times 3]

Starts a platform of its own on loopback with the provider that OPENAI_API_KEY and OPENAI_BASE_URL name; without either, with
the small model that comes with the platform. Imports the jobs' agents and documents, has every job done in the request, and
prints the pass rate, cost and time of each agent, and what was wrong. The figures go to bench/results/tasks.json. Spends real
money where the model costs some: at most $0.50 a job, usually less than a cent.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

import httpx

from agentplatform.embedded import model as embedded_model
from agentplatform.embedded.stores import running
from bench.platform import ROOT, Platform, platform
from bench.tasks.jobs import AGENTS, COLLECTION, DOCUMENTS, READERS, Done, Job, do, load

RESULT = Path(__file__).parents[1] / "results" / "tasks.json"


def say(line: str = "") -> None:
    """One line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def prepare(run: Platform) -> None:
    """Import the agents and the documents that the jobs are about."""
    for command in (
        ("importagents", str(AGENTS), "--publish"),
        ("importdocuments", str(DOCUMENTS), "--collection", COLLECTION, "--create"),
    ):
        command_line = [sys.executable, "manage.py", *command]
        subprocess.run(
            command_line, cwd=ROOT, env={**os.environ, **run.environment}, check=True, stdout=subprocess.DEVNULL
        )
    run.query("UPDATE knowledge_collection SET agents = %s::jsonb RETURNING id", json.dumps(READERS))


def report(done: Iterable[Done]) -> None:
    """Pass rate, cost and time, by agent and by kind."""
    for title, name in (("agent", "agent"), ("kind", "kind")):
        say()
        say(f"{title:<14} {'passed':>9} {'cost a job':>12} {'seconds':>8}")
        groups: dict[str, list[Done]] = defaultdict(list)
        for each in done:
            groups[getattr(each.job, name)].append(each)
        for group, members in [*sorted(groups.items()), ("all", list(done))]:
            passed = sum(not each.faults for each in members)
            cost, seconds = mean(each.cost_usd for each in members), mean(each.seconds for each in members)
            say(f"{group:<14} {passed:>4}/{len(members):<4} {f'${cost:.5f}':>12} {seconds:>8.1f}")


def chosen(kinds: str, only: str) -> list[Job]:
    """The jobs that were asked for."""
    wanted = [job for job in load() if not job.only_scripted]
    if kinds:
        wanted = [job for job in wanted if job.kind in kinds.split(",")]
    return [job for job in wanted if job.id in only.split(",")] if only else wanted


@contextmanager
def provider(model: str) -> Iterator[dict[str, str]]:
    """The settings of the provider that the environment names, or of the local model."""
    named = {name: os.environ[name] for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if os.environ.get(name)}
    if named:
        yield {"OPENAI_BASE_URL": "", **named, **({"AGENT_MODEL": model} if model else {})}
        return
    local = embedded_model.prepare()
    with tempfile.TemporaryDirectory() as folder, running(local.program, Path(folder)):
        yield {"OPENAI_BASE_URL": local.url, "OPENAI_API_KEY": "none", "AGENT_MODEL": embedded_model.ALIAS}


def main() -> int:
    """Do the jobs, print and keep the figures; 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="the model's name; else the platform's AGENT_MODEL")
    parser.add_argument("--kind", default="", help="kinds of jobs, comma-separated")
    parser.add_argument("--only", default="", help="ids of jobs, comma-separated")
    parser.add_argument("--times", type=int, default=1, help="how often each job is done")
    options = parser.parse_args()
    jobs = chosen(options.kind, options.only) * options.times
    if not jobs:
        parser.error("there are no such jobs")
    done: list[Done] = []
    with provider(options.model) as settings, platform(model_seconds=0, **settings) as run, run.web():
        prepare(run)
        headers = {"Authorization": f"Bearer {run.key}"}
        with httpx.Client(base_url=run.url, headers=headers, timeout=300) as client:
            for number, job in enumerate(jobs, 1):
                done.append(do(job, client))
                faults = done[-1].faults
                say(
                    f"[{number}/{len(jobs)}] {job.kind}/{job.id}: {'passed' if not faults else '; '.join(faults)[:300]}"
                )
    report(done)
    rows = [
        {
            "id": each.job.id,
            "agent": each.job.agent,
            "faults": each.faults,
            "cost_usd": each.cost_usd,
            "seconds": round(each.seconds, 2),
        }
        for each in done
    ]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=2) + "\n")
    return int(any(each.faults for each in done))


if __name__ == "__main__":
    sys.exit(main())
