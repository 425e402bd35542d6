"""`manage.py runplatform` in this very process, on the test run's own stores; tests/end_to_end has the whole of it."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from agentplatform.embedded.claim import is_claimed
from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.management.commands import runplatform
from agentplatform.supervisor.stdout import to_stdout

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.DATA_DIR = tmp_path
    # A start clears the folder of metrics, and the one named there is in use by this process.
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    return tmp_path


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Give pytest its signal handlers back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command shows; once it is ready, TERM stops it."""
    events: list[dict[str, Any]] = []

    def read(text: str) -> None:
        events.append(json.loads(text))
        if events[-1]["event"] == "platform_ready":
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(runplatform, "to_stdout", read)
    return events


def test_it_starts_serves_and_stops(shown: list[dict[str, Any]], data_dir: Path) -> None:
    port = free_port()
    call_command("runplatform", "--port", str(port), "--workers", "1", "--no-worker")
    (ready,) = [event for event in shown if event["event"] == "platform_ready"]
    assert ready["status"] in {"healthy", "degraded"}
    assert ready["links"]["docs"] == f"http://{LOOPBACK}:{port}/docs"
    steps = [event["step"] for event in shown if event["event"] == "platform_step_done"]
    assert {*steps[1:3]} == {"database contents", "web server"}, "they are done side by side"
    assert [steps[0], *steps[3:]] == ["data folder", "health", "sweeper"]
    assert shown[-1]["event"] == "platform_stopped"
    assert not is_claimed(data_dir)


def test_a_step_that_fails_ends_the_start_and_says_why(
    shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://127.0.0.1:1/nowhere")
    with pytest.raises(CommandError, match="bootstrap ended with status 1: CommandError: DATABASE_URL: "):
        call_command("runplatform", "--no-web", "--no-worker", "--no-sweeper")
    assert shown[-1]["event"] == "platform_stopped"


def test_standard_output_that_nobody_reads_asks_for_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        to_stdout("a line\n")
        to_stdout("another\n")
    assert asked == [signal.SIGTERM]
