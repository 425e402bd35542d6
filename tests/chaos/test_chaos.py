"""The short form of `make chaos`: every promise, under the harm that a minute has room for."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.schedule import WEIGHTS, schedule
from tests.chaos.workload import orders

# The other kinds take longer than this, or need packages that not every machine has.
KINDS = ("kill", "crash", "flush_redis", "restart_redis", "restart_postgres", "drop_messages")


@pytest.mark.timeout(400)
def test_no_harm_breaks_a_promise(tmp_path: Path) -> None:
    options = ["--seed", "short", "--tasks", "80", "--minutes", "0.25", "--faults", "8", "--only", *KINDS]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *options, "--results", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_seed_decides_everything() -> None:
    def planned(seed: str) -> object:
        return schedule(seed, seconds=600, count=90, kinds=tuple(WEIGHTS), has_own_broker=True)

    assert planned("7") == planned("7") != planned("8")
    assert list(orders("7", count=50, seconds=60)) == list(orders("7", count=50, seconds=60))


def test_every_kind_of_harm_is_done_where_there_is_room() -> None:
    planned = schedule("7", seconds=600, count=len(WEIGHTS), kinds=tuple(WEIGHTS), has_own_broker=True)
    assert {harm.kind for harm in planned} == set(WEIGHTS)
    assert [harm.at_seconds for harm in planned] == sorted(harm.at_seconds for harm in planned)
