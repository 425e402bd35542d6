"""How many bytes a task adds to each table and index.

    .venv/bin/python -m bench.growth [--tasks 500]

Runs so many tasks of each kind in the request, on the scripted model of the tests: a plain one, one that uses a tool, one that
delegates to two others. Texts are short, as the figures are of the frame around them: each further character of a task, an
answer or a tool's output adds about a byte. The figures go to bench/results/growth.json.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.platform import Platform, platform
from tests.scripted_model import ScriptedModel, tool_call

RESULT = Path(__file__).parent / "results" / "growth.json"
KINDS = {
    "plain": {"task": "Plain.", "agent_type": "general"},
    "tool-using": {"task": "Calculate.", "agent_type": "analyst"},
    "delegating": {"task": "Look into it.", "agent_type": "research"},
}
SIZES = """
    SELECT relname, pg_relation_size(oid) + coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND pg_relation_size(oid) > 0
"""


@contextmanager
def scripted() -> Iterator[str]:
    """A model that uses tools and makes plans when it is told to; give its address."""
    model = ScriptedModel()
    model.when("Plan how to answer", '["What is it?", "Who uses it?"]')
    model.when(r"\n4$", "It is four.")  # after the tool's result
    model.when("Calculate", tool_call("calculator", expression="2+2"))
    try:
        yield model.base_url
    finally:
        model.stop()


async def measured(run: Platform, tasks: int) -> dict[str, dict[str, int]]:
    """For each kind of task, the bytes that one of them adds, by table and index."""
    found = {}
    for kind, body in KINDS.items():
        before = dict(run.query(SIZES))
        await _run(run, body, tasks)
        grown = {name: round((size - before.get(name, 0)) / tasks) for name, size in run.query(SIZES)}
        found[kind] = {name: size for name, size in sorted(grown.items()) if size > 0}
        found[kind]["in all"] = sum(found[kind].values())
    return found


async def _run(run: Platform, body: dict[str, str], tasks: int) -> None:
    gate = asyncio.Semaphore(8)
    async with run.client(timeout=60) as client:

        async def one() -> None:
            async with gate:
                answer = await client.post("/agent/execute", json={**body, "cache": "bypass"})
                answer.raise_for_status()

        await asyncio.gather(*(one() for _ in range(tasks)))


def main() -> None:
    """Measure, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--result", type=Path, default=RESULT)
    options = parser.parse_args()
    with scripted() as model_url, platform(model_seconds=0, OPENAI_BASE_URL=model_url) as run, run.web():
        figures: dict[str, Any] = asyncio.run(measured(run, options.tasks))
    text = json.dumps(figures, indent=2)
    print(text)  # noqa: T201  # what it is for
    options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
