"""When a key ends, as operators write it."""

import re
from datetime import UTC, datetime, timedelta

from django.utils import timezone

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
EXAMPLES = "it takes 12h, 30d, 4w, or a date to come such as 2030-01-31"


def parsed_expiry(text: str) -> datetime:
    """The moment that `30d` or a date (its midnight, UTC) stands for; raises ValueError for what is wrong or over."""
    try:
        moment = _moment(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no expiry; {EXAMPLES}.") from None
    if moment <= timezone.now():
        raise ValueError(f"{text!r} is over already; {EXAMPLES}.")
    return moment


def _moment(text: str) -> datetime:
    if relative := re.fullmatch(r"([0-9]+)([hdw])", text):
        return timezone.now() + int(relative[1]) * UNITS[relative[2]]
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
