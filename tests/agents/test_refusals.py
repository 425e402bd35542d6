"""What a provider's HTTP errors mean."""

from email.utils import formatdate

import pytest
import time_machine

from agents.refusals import is_passing, retry_after_seconds

NOON = 1_800_000_000


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1),
        ({"retry-after": formatdate(NOON + 90, usegmt=True)}, 90),
        ({"retry-after": formatdate(NOON - 90, usegmt=True)}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}, None),
        ({"retry-after": "Wed, 99 Foo 20000 99:99:99 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    with time_machine.travel(NOON, tick=False):
        assert retry_after_seconds(headers) == seconds


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_it_may_pass(status: int) -> None:
    assert is_passing(status, {})
    assert not is_passing(status, {"x-should-retry": "false"})


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_it_will_not_pass(status: int) -> None:
    assert not is_passing(status, {})
    assert is_passing(status, {"x-should-retry": "true"})
