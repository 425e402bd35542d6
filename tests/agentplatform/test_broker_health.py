"""What /health says of a broker that is a server of its own."""

import socket

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from tests.api import Api

CHECK = "agentplatform.broker_health.broker"


@pytest.fixture
def silent() -> socket.socket:
    """A server that takes connections and never says a word."""
    return socket.create_server(("127.0.0.1", 0))


def checks(api: Api, settings: Settings, url: str) -> tuple[str, str]:
    settings.HEALTH_CHECKS = {**django_settings.HEALTH_CHECKS, "broker": CHECK}
    settings.CELERY_BROKER_URL = url
    answer = api.get("/health")
    assert answer.status_code == 200
    return answer.json()["status"], answer.json()["checks"]["broker"]


def test_one_that_answers_is_ok(api: Api, settings: Settings) -> None:
    assert checks(api, settings, django_settings.REDIS_URL)[1] == "ok"


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_one_that_is_away_degrades(api: Api, settings: Settings, scheme: str) -> None:
    assert checks(api, settings, f"{scheme}://127.0.0.1:1/0") == ("degraded", "unreachable")


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_one_that_hangs_degrades(api: Api, settings: Settings, silent: socket.socket, scheme: str) -> None:
    with silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/0"
        assert checks(api, settings, url) == ("degraded", "unreachable")


def test_without_one_there_is_no_such_check(api: Api) -> None:
    assert "broker" not in api.get("/health").json()["checks"]
