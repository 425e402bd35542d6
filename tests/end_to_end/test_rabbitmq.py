"""RabbitMQ as Celery's broker: Debian's own, with the platform's own processes."""

import contextlib
import os
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from agentplatform.embedded.stores import running
from tests.api import Api, Persona
from tests.chaos.rabbitmq import RabbitMQ, find_server
from tests.end_to_end.processes import sweeper, worker
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

PATIENCE_SECONDS = 240
"""RabbitMQ starts in seconds; on a machine busy with other tests it took a minute."""
IMPATIENT = "[{rabbit, [{consumer_timeout, 1000}, {channel_tick_interval, 1000}]}].\n"
"""RabbitMQ takes a message back after half an hour, and looks for such once a minute; here both are a second."""


@pytest.fixture
def broker(tmp_path: Path) -> RabbitMQ:
    if find_server() is None:
        missing = "rabbitmq-server is not installed"
        if os.environ.get("CI"):
            pytest.fail(missing)  # there a skip would pass for a test
        pytest.skip(missing)
    broker = RabbitMQ(tmp_path / "rabbitmq")
    config = tmp_path / "rabbitmq" / "advanced.config"
    config.write_text(IMPATIENT)
    broker.environment["RABBITMQ_ADVANCED_CONFIG_FILE"] = str(config)
    return broker


@pytest.mark.timeout(900)
def test_tasks_run_over_rabbitmq_and_outlive_its_time_limit_and_its_restart(
    alice: Persona, api: Api, model: ScriptedModel, settings: Settings, broker: RabbitMQ, tmp_path: Path
) -> None:
    # The web server of the tests publishes to Redis, where no worker of this test is: each message here is the sweeper's.
    environment = {"CELERY_BROKER_URL": broker.url}
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        with running(broker.program, tmp_path, within=PATIENCE_SECONDS):
            enter(worker(tmp_path, **environment))
            enter(sweeper(tmp_path, **environment))
            hold = model.holds("In good time.")
            slow = queued(alice, "Take your time.")
            hold.reached(within=PATIENCE_SECONDS)
            eventually(lambda: "delivery acknowledgement" in log_of(tmp_path), within=60)
            long = queued(alice, "A long one.", timeout_seconds=3600)
            assert alice.ended(long, within=60)["status"] == "completed"
            eventually(lambda: health(api, settings, broker) == "ok", within=60)
        hold.release()
        assert alice.ended(slow)["result"] == "In good time."
        assert len(model.requests) == 2, "the message that was taken back and came again did nothing"
        meanwhile = queued(alice, "While the broker is away.")
        eventually(lambda: health(api, settings, broker) == "unreachable", within=60)
        with running(broker.program, tmp_path, within=PATIENCE_SECONDS):
            assert alice.ended(meanwhile, within=60)["status"] == "completed"
            eventually(lambda: health(api, settings, broker) == "ok", within=60)
        assert len(model.requests) == 3


def health(api: Api, settings: Settings, broker: RabbitMQ) -> str:
    """What /health says of it."""
    settings.HEALTH_CHECKS = {**django_settings.HEALTH_CHECKS, "broker": "agentplatform.broker_health.broker"}
    settings.CELERY_BROKER_URL = broker.url
    return str(api.get("/health").json()["checks"]["broker"])


def queued(persona: Persona, task: str, timeout_seconds: int = 120) -> str:
    answer = persona.execute(task, async_execution=True, limits={"timeout_seconds": timeout_seconds})
    return str(answer.json()["task_id"])


def log_of(folder: Path) -> str:
    """What RabbitMQ has logged, its start-up included."""
    return "".join(path.read_text() for path in (folder / "rabbitmq" / "log").glob("*.log"))
