"""tests/smoke.py against the server."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from agents import presence
from tests.api import Api, Persona
from tests.scripted_model import ScriptedModel, failure

SMOKE = Path(__file__).with_name("smoke.py")
CHECKS = ["health", "auth", "sync", "background", "feedback", "metrics", "rate limit"]


@pytest.fixture
def seen_worker(worker: None) -> None:
    """A worker that /health knows of: the one of the tests is no process that says so."""
    presence.say("worker")


def smoke(api: Api, key: str, *options: str) -> tuple[int, dict[str, str], str]:
    """Its exit code, its word for each check, and all it wrote."""
    # In Python's isolated mode, without site-packages: it must run with nothing but Python itself.
    command = [sys.executable, "-I", "-S", str(SMOKE), "--url", str(api.base_url), "--key", key, *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    words = {line[6:17].strip(): line[:5].strip() for line in ended.stdout.splitlines() if line[6:17].strip() in CHECKS}
    return ended.returncode, words, ended.stdout + ended.stderr


@pytest.mark.usefixtures("seen_worker")
def test_it_passes_on_a_healthy_platform(api: Api, newcomer: Callable[..., Persona]) -> None:
    code, words, said = smoke(api, newcomer(tier="basic").key)

    assert (code, words) == (0, dict.fromkeys(CHECKS, "ok")), said


@pytest.mark.usefixtures("seen_worker")
def test_it_leaves_a_large_limit_alone(api: Api, alice: Persona) -> None:
    code, words, said = smoke(api, alice.key, "--most-requests", "20")

    assert (code, words["rate limit"]) == (0, "–"), said
    assert "more than --most-requests 20" in said


@pytest.mark.usefixtures("seen_worker")
def test_it_says_what_is_wrong(api: Api, alice: Persona, model: ScriptedModel) -> None:
    model.when("short word", failure(400))

    code, words, said = smoke(api, alice.key)

    assert code == 1
    assert words["sync"] == words["background"] == "FAIL", said
    assert words["auth"] == "ok"
    assert "Traceback" not in said


def test_it_says_that_nobody_answers(api: Api, alice: Persona) -> None:
    command = [sys.executable, str(SMOKE), "--url", "http://127.0.0.1:1", "--key", alice.key]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert "7 of 7 checks failed." in ended.stdout
    assert "GET /health/ready: no answer: [Errno 111] Connection refused" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "what_is_right"),
    [
        (["--url", "api.example.com", "--key", "k"], "http:// or https://"),
        (["--url", "http://127.0.0.1:1"], "manage.py createapikey"),
    ],
)
def test_it_says_how_it_is_called(arguments: list[str], what_is_right: str) -> None:
    ended = subprocess.run([sys.executable, "-I", str(SMOKE), *arguments], capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert what_is_right in ended.stderr


@pytest.mark.usefixtures("seen_worker")
def test_it_sends_the_metrics_token(api: Api, alice: Persona, settings: Settings) -> None:
    settings.METRICS_TOKEN = "a token"

    assert smoke(api, alice.key)[1]["metrics"] == "–"
    assert smoke(api, alice.key, "--metrics-token", "a token")[1]["metrics"] == "ok"
    assert smoke(api, alice.key, "--metrics-token", "another")[1]["metrics"] == "FAIL"
