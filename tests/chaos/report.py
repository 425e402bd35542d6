"""The verdict as a table for people and as a file for later."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from tests.chaos.run import Verdict

SHOWN = 10


def text_of(verdict: Verdict) -> str:
    """What the terminal shows at the end."""
    lines = ["", "Harm done:"]
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for done in verdict.harm:
        by_kind[done.harm.kind][done.outcome.partition(":")[0]] += 1
    for kind, outcomes in sorted(by_kind.items()):
        told = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common(5))
        lines.append(f"  {kind:<18} {sum(outcomes.values()):4}  {told}")
    lines.append(f"  crash points that ended a process: {len(verdict.crashes)}")
    lines += ["", "What happened:"]
    lines += [f"  {name:<32} {value}" for name, value in verdict.facts.items()]
    lines += ["", "Promises:"]
    for name, broken in verdict.violations.items():
        lines.append(f"  {name:<18} {len(broken)}")
        lines += [f"      {line[:300]}" for line in broken[:SHOWN]]
    lines.append(f"{'KEPT' if verdict.is_good else 'BROKEN'} after {verdict.took_seconds:.0f} s")
    return "\n".join(lines)


def write(verdict: Verdict, folder: Path) -> Path:
    """Keep it all, the schedule included; give the file."""
    folder.mkdir(parents=True, exist_ok=True)
    wishes = verdict.wishes
    file = folder / f"chaos-{wishes.broker}-{wishes.seed}-{wishes.tasks}.json"
    file.write_text(json.dumps(verdict.as_json(), indent=1, default=str))
    return file
