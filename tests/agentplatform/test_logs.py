import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentplatform.logs import log, redact
from tests.fixtures import Logs

ROOT = Path(__file__).parents[2]
SECRETS = [
    "ap_live_Ab12Cd34_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_a1b2c3",
    "sk-proj-0123456789abcdef",
    "postgres://user:hunter2@host/db",
    "redis://:hunter2@host/0",
    "Authorization: Bearer demo-key-123",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_credentials_are_blanked_wherever_they_turn_up(secret: str) -> None:
    event = redact(None, "info", {"event": f"seen {secret} here", "field": secret, "number": 1})
    assert secret not in str(event)
    for part in ("hunter2", "demo-key-123", "0123456789"):
        assert part not in str(event)
    assert "[redacted]" in event["field"]
    assert event["number"] == 1


def test_other_text_stays_as_it_is() -> None:
    event = {"event": "request", "path": "/agent/status/0198f0c2", "url": "http://host:8000/path"}
    assert redact(None, "info", dict(event)) == event


def test_a_logged_exception_is_blanked_too(logs: Logs) -> None:
    try:
        raise ValueError(SECRETS[0])
    except ValueError as error:
        log(__name__).error("failed", exc_info=error)
    assert "ValueError" in logs.text
    assert SECRETS[0] not in logs.text


def test_the_standard_library_s_loggers_join_in(logs: Logs) -> None:
    logging.getLogger("some.package").warning("careful with %s", "this", extra={"order": "A-17"})
    line = json.loads(logs.text)
    assert line["event"] == "careful with this"
    assert line["level"] == "warning"
    assert line["order"] == "A-17"
    assert line["timestamp"].endswith("Z")


LOGGING = """
import logging
from agentplatform.logs import log, logging_config
logging_config("INFO")
log("here").debug("unwanted")
log("here").info("event", task_id="t-1", note="two\\nlines")
logging.getLogger("openai").info("chatter")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("there").exception("trouble")
"""


def test_off_a_terminal_each_event_is_one_line_of_json_with_nothing_before_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOGGING], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    event, trouble = map(json.loads, ended.stdout.splitlines())
    assert event.items() >= {"event": "event", "level": "info", "task_id": "t-1", "note": "two\nlines"}.items()
    assert trouble["event"] == "trouble"
    assert "ZeroDivisionError" in trouble["exception"]
    assert ended.stderr == ""
