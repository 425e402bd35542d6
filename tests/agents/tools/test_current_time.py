"""The time in a time zone."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest
import time_machine

from agents.tools import registry
from agents.tools.registry import Outcome


def now(**arguments: object) -> Outcome:
    return asyncio.run(registry.call("current_time", json.dumps(arguments)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "2026-11-23T23:30:05+00:00"),
        ({"timezone": "UTC"}, "2026-11-23T23:30:05+00:00"),
        ({"timezone": "Europe/Berlin"}, "2026-11-24T00:30:05+01:00"),
        ({"timezone": "America/New_York"}, "2026-11-23T18:30:05-05:00"),
        ({"timezone": " asia/kolkata "}, "2026-11-24T05:00:05+05:30"),
        ({"timezone": "America/New York"}, "2026-11-23T18:30:05-05:00"),
    ],
)
def test_it_tells_the_time(arguments: dict[str, str], told: str) -> None:
    with time_machine.travel("2026-11-23T23:30:05.9Z", tick=False):
        assert now(**arguments) == Outcome(told)


def test_it_is_the_time_of_now() -> None:
    told = datetime.fromisoformat(now().output)
    assert abs(datetime.now(told.tzinfo) - told) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "such as Europe/Berlin."),
        ("Mars/Base", "such as Europe/Berlin or UTC."),
        ("", "an IANA name is needed"),
        ("../../etc/passwd", "There is no time zone"),
        ("Europe", "There is no time zone"),
        ("x" * 500, "There is no time zone"),
    ],
)
def test_an_unknown_zone_is_an_error_with_a_hint(name: str, hint: str) -> None:
    outcome = now(timezone=name)
    assert outcome.is_error
    assert hint in outcome.output
    assert len(outcome.output) < 300
