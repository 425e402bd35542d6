"""When a key ends, as operators write it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.expiry import parsed_expiry

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", NOW + timedelta(hours=12)),
        ("30d", NOW + timedelta(days=30)),
        ("4w", NOW + timedelta(weeks=4)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
        ("2030-01-31T08:00:00+02:00", datetime(2030, 1, 31, 6, tzinfo=UTC)),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_it_reads_spans_and_dates(text: str, expected: datetime) -> None:
    assert parsed_expiry(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "30 days", "2030-02-31", "9" * 30 + "d", "soon"])
def test_it_says_what_it_takes(text: str) -> None:
    with pytest.raises(ValueError, match="is no expiry; it takes 12h, 30d, 4w, or a date"):
        parsed_expiry(text)


@pytest.mark.parametrize("text", ["0d", "2026-11-23", "2020-01-01"])
@time_machine.travel(NOW, tick=False)
def test_it_refuses_what_is_over(text: str) -> None:
    with pytest.raises(ValueError, match="is over already"):
        parsed_expiry(text)
