"""How the worker and the sweeper are watched where each runs in a container of its own."""

import socket
import threading
import urllib.request
from pathlib import Path

from django.core.management import call_command
from pytest_django import Settings

from agentplatform import metrics
from agents import tasks
from tests.fixtures import World


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_worker_serves_what_it_counts(settings: Settings) -> None:
    settings.WORKER_METRICS_PORT = free_port()
    metrics.cache_total.labels("a worker's").inc()

    tasks.serve_metrics()

    with urllib.request.urlopen(f"http://127.0.0.1:{settings.WORKER_METRICS_PORT}/metrics", timeout=10) as answer:
        assert 'agent_cache_total{result="a worker\'s"} 1.0' in answer.read().decode()


def test_without_a_port_it_serves_nothing(settings: Settings) -> None:
    settings.WORKER_METRICS_PORT = 0
    before = threading.active_count()

    tasks.serve_metrics()

    assert threading.active_count() == before


def test_the_sweeper_shows_that_it_goes_round(database: World, tmp_path: Path) -> None:
    call_command("runsweeper", once=True, heartbeat=tmp_path / "alive")

    assert (tmp_path / "alive").is_file()
