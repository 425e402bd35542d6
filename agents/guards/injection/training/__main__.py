"""`make train-guard DATA=path`: fit the weights that are shipped, and tell how well they do on sources they do not know."""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from agents.guards.injection.letters import TABLE
from agents.guards.injection.measuring import threshold_for
from agents.guards.injection.model import WEIGHTS
from agents.guards.injection.rows import BadRows, Row, rows_in
from agents.guards.injection.training.crossing import fitted_both, left_out_strengths
from agents.guards.injection.training.fit import example, lines_of
from agents.guards.injection.training.letters_fit import letter_example
from agents.guards.injection.training.sources import FAMILIES, PERMISSIVE
from agents.guards.injection.training.writing import own_rows

FLAGGED_HONEST = 0.01
BLOCKED_HONEST = 0.001
"""Shares of the honest rows, of sources left out, that may be flagged and blocked; they set the two thresholds."""


def main() -> None:
    """Read the rows, set the thresholds by leaving sources out, fit, write."""
    parser = argparse.ArgumentParser(prog="make train-guard", description=__doc__)
    parser.add_argument("data", type=Path, help="a file of JSON lines with text, label, source and category")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    try:
        rows = rows_in(options.data)
    except BadRows as error:
        parser.error(str(error))
    print("Leaving out one source after another …", file=sys.stderr)  # noqa: T201
    strengths = left_out_strengths(rows, may_teach=may_teach)
    honest = [strength for row, strength in zip(rows, strengths, strict=True) if not row.is_attack]
    teachers = [row for row in rows if may_teach(row)]
    print(f"Fitting {len(teachers)} of {len(rows)} rows, and our own …", file=sys.stderr)  # noqa: T201
    model = fitted_both([(example(row), letter_example(row)) for row in (*own_rows(), *teachers)])
    model = replace(
        model,
        flag_from=round(threshold_for(honest, FLAGGED_HONEST), 3),
        block_from=round(threshold_for(honest, BLOCKED_HONEST), 3),
    )
    meta = {"data_sha256": hashlib.sha256(options.data.read_bytes()).hexdigest(), "rows": len(teachers)}
    options.output.write_text("\n".join(lines_of(model, meta)) + "\n", encoding="utf-8")
    np.save(options.output.with_name(TABLE.name), model.letters.table)
    _tell(rows, strengths, model.flag_from, model.block_from)


def may_teach(row: Row) -> bool:
    """Whether a row's source is under a licence that is named and permissive."""
    return row.source in PERMISSIVE


def family(row: Row) -> str:
    """What a row's source belongs to."""
    return FAMILIES.get(row.source, row.source)


def _tell(rows: list[Row], strengths: list[float], flag_from: float, block_from: float) -> None:
    """Print what was found of each source while it was left out."""
    print("flagged  blocked  texts")  # noqa: T201
    by: dict[str, list[float]] = {}
    for row, strength in zip(rows, strengths, strict=True):
        what = "attacks" if row.is_attack else "honest texts"
        by.setdefault(f"all {what}", []).append(strength)
        by.setdefault(f"{what} of {row.source}", []).append(strength)
    for name, own in sorted(by.items()):
        flagged, blocked = (sum(each > least for each in own) / len(own) for least in (flag_from, block_from))
        print(f"{flagged:7.1%}  {blocked:7.1%}  {len(own)} {name}")  # noqa: T201


if __name__ == "__main__":
    main()
