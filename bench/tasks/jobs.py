"""The jobs as they stand in jobs.yaml, and how one is done over HTTP."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.tasks.checks import CHECKS, Outcome, faults

FOLDER = Path(__file__).parent
AGENTS = FOLDER / "agents.yaml"
DOCUMENTS = FOLDER / "documents"
COLLECTION = "Fernhill Cycles"
READERS = ["librarian"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job. `before` are tasks of the same conversation that come first; `script` and `when` are for a scripted model."""

    id: str
    kind: str
    agent: str
    task: str
    check: Mapping[str, Any]
    before: tuple[str, ...] = ()
    output_schema: Mapping[str, Any] | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    script: tuple[Any, ...] = ()
    when: Mapping[str, Any] = field(default_factory=dict)
    only_scripted: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A job that was tried: what is wrong with the outcome, and what it took."""

    job: Job
    faults: list[str]
    cost_usd: float
    seconds: float
    outcome: Outcome


def load(path: Path = FOLDER / "jobs.yaml") -> Iterator[Job]:
    """The jobs of a file. Raises ValueError for a check that there is not."""
    for kind, jobs in yaml.safe_load(path.read_text()).items():
        for job in jobs:
            if unknown := job["check"].keys() - CHECKS.keys():
                raise ValueError(f"{job['id']}: there is no check {min(unknown)!r}; there are: {', '.join(CHECKS)}.")
            lists = {name: tuple(job.get(name, ())) for name in ("before", "script")}
            yield Job(kind=kind, **{**job, **lists})


def do(job: Job, client: httpx.Client) -> Done:
    """Have a job done, and check what came of it. `client` holds the key and the address."""
    began = time.monotonic()
    body: dict[str, Any] = {"agent_type": job.agent, "cache": "bypass"}
    if job.before:
        body["conversation_id"] = str(uuid.uuid4())
    for task in job.before:
        client.post("/agent/execute", json={**body, "task": task}).raise_for_status()
    extras = {"output_schema": job.output_schema, "limits": dict(job.limits)}
    answer = client.post(
        "/agent/execute", json={**body, "task": job.task, **{name: value for name, value in extras.items() if value}}
    )
    seconds = time.monotonic() - began
    outcome = _with_steps(Outcome(answer.status_code, answer.json()), client)
    cost = float(outcome.task.get("cost_usd", 0))
    return Done(job, faults(job.check, outcome), cost, seconds, outcome)


def _with_steps(outcome: Outcome, client: httpx.Client) -> Outcome:
    if "task_id" not in outcome.task:
        return outcome
    told = client.get(f"/agent/status/{outcome.task['task_id']}", params={"include": "steps"}).json()
    return Outcome(outcome.http_status, outcome.body, told.get("steps") or [])
