"""`make chaos ARGS="--seed 7 --tasks 10000 --minutes 20"`: a fault run; it ends with 1 when a promise was broken."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos import report
from tests.chaos.harm import FAKETIME, HARMS
from tests.chaos.measures import MEASURES, measure
from tests.chaos.run import Wishes, fault_run, say

RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results"


def main(arguments: list[str]) -> int:
    """Run, report, and say whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Hurt a whole platform and see what it keeps.")
    parser.add_argument("--seed", default="1", help="decides the tasks and the harm (default 1)")
    parser.add_argument("--tasks", type=int, default=300, help="how many tasks are sent (default 300)")
    parser.add_argument("--minutes", type=float, default=2, help="for how long (default 2)")
    parser.add_argument("--faults", type=int, help="how many pieces of harm (default 9 a minute)")
    parser.add_argument("--only", nargs="+", choices=sorted(HARMS), help="these kinds of harm alone")
    parser.add_argument("--without", nargs="+", choices=sorted(HARMS), default=[], help="all kinds but these")
    parser.add_argument("--broker", choices=["redis", "rabbitmq"], default="redis")
    parser.add_argument("--trouble", type=float, default=0.1, help="share of model calls that fail (default 0.1)")
    parser.add_argument("--at-once", type=int, default=150, help="clients that wait at most (default 150)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the verdict goes (default bench/results)")
    parser.add_argument(
        "--measure", nargs="*", choices=sorted(MEASURES), help="no fault run: how long takeovers and the like take"
    )
    parser.add_argument("--keep", action="store_true", help="keep the logs and the stores' files")
    given = parser.parse_args(arguments)
    kinds = tuple(kind for kind in given.only or HARMS if kind not in given.without)
    if "shift_clock" in kinds and not FAKETIME.exists():
        parser.error("shift_clock needs libfaketime (Debian and Ubuntu: apt-get install libfaketime), or --without it")
    seconds = given.minutes * 60
    faults = round(given.minutes * 9) if given.faults is None else given.faults
    if given.measure is not None:
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as place:
            asyncio.run(measure(Path(place), broker=given.broker, names=given.measure or MEASURES))
        return 0
    wishes = Wishes(given.seed, given.tasks, seconds, faults, kinds, given.broker, given.trouble, given.at_once)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        verdict = asyncio.run(fault_run(wishes, folder))
        say(report.text_of(verdict))
        say(f"Written to {report.write(verdict, given.results)}.")
    finally:
        if given.keep:
            say(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
