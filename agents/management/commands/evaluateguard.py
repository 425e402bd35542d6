"""`manage.py evaluateguard FILE.jsonl`: how well the guard does on labelled texts; `--json` prints that as JSON alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from agents.guards import injection
from agents.guards.injection.measuring import Measure, measured
from agents.guards.injection.model import BLOCK_FROM
from agents.guards.injection.rows import BadRows, rows_in


class Command(BaseCommand):
    help = (
        "Judge each text of a file of JSON lines (text, label 1 for an attack or 0, source, category), and print what share of "
        "the attacks is found, which honest texts are hit, and how long a text takes."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.jsonl")
        parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = rows_in(options["file"])
        except BadRows as error:
            raise CommandError(str(error)) from None
        found = measured(rows, lambda text: injection.check(text).score, BLOCK_FROM)
        self.stdout.write(
            json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if options["json"] else _table(found)
        )


def _table(found: Measure) -> str:
    latency = found.latency_ms
    return "\n".join(
        [
            f"{found.rows} rows, {found.attacks} of them attacks; a score of {found.threshold} blocks.",
            "",
            *_line("Attacks blocked", found.recall),
            *_line("Honest texts blocked", found.fpr),
            *_line("Attacks found while 1 % of the honest texts are hit", found.recall_at_1pct_fpr),
            *([] if found.auc is None else [f"Area under the curve: {found.auc:.4f}"]),
            f"Milliseconds a text: median {latency.p50}, 95 % below {latency.p95}; of 4 KB, 95 % below {latency.p95_4kb}",
            *_section("Attacks blocked, by source", found.recall_by_source),
            *_section("Honest texts blocked, by source", found.fpr_by_source),
            *_section("Honest texts blocked, by category", found.fpr_by_category),
        ]
    )


def _line(name: str, share: float | None) -> list[str]:
    return [] if share is None else [f"{name}: {share:.2%}"]


def _section(name: str, shares: Mapping[str, float]) -> list[str]:
    return ["", name, *(f"  {share:8.2%}  {of}" for of, share in shares.items())] if shares else []
