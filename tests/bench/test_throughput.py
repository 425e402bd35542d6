"""The table of `make bench`: medians of rounds, and ratios taken within each."""

import sys
from typing import Any

import pytest

from bench.throughput import __main__ as throughput


def row(number: int, server: str, rps: float, case: str = "hit") -> dict[str, Any]:
    return {"round": number, "case": case, "server": server, "rps": rps, "p50_ms": 7.0, "p95_ms": 20.0}


def test_ratios_are_those_of_a_round() -> None:
    rows = [
        row(1, "platform", 100), row(1, "fastapi", 50), row(2, "platform", 300), row(2, "fastapi", 100),
        row(3, "platform", 110), row(3, "fastapi", 44), row(1, "platform", 900, "poll"),
    ]  # fmt: skip
    assert throughput.table(rows) == [
        "| Request | requests/s | p50, ms | p95, ms | ÷ fastapi |",
        "|---|---|---|---|---|",
        "| answered from the cache | 110 | 7 | 20 | 2.50 |",
        "| a status | 900 | 7 | 20 | – |",
    ]


def test_the_page_is_written_between_its_marks_alone() -> None:
    page = f"Before.\n{throughput.BEGIN}\nOld.\n{throughput.END}\nAfter.\n"
    new = throughput.written(page, ["| a |"], "Told:")
    assert new == f"Before.\n{throughput.BEGIN}\nTold:\n\n| a |\n{throughput.END}\nAfter.\n"
    assert throughput.written(new, ["| a |"], "Told:") == new


def test_an_unknown_peer_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PEERS", "fastapi,rails")
    monkeypatch.setattr(sys, "argv", ["bench", "--quick"])
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert throughput.main() == 2
    assert "PEERS takes fastapi and tuned, not rails." in capsys.readouterr().err
