"""What a provider means by an HTTP error: whether to ask again, and when."""

import math
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz

PASSING = (408, 409, 425, 429)


def is_passing(status: int, headers: Mapping[str, str]) -> bool:
    """Whether the same call may succeed later. `x-should-retry` is OpenAI's own word on it, such as false for a spent quota."""
    said = headers.get("x-should-retry", "").strip().lower()
    if said in ("true", "false"):
        return said == "true"
    return status in PASSING or status >= 500


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks us to wait; None where it does not say. RFC 9110, 10.2.3: seconds, or a date.

    `retry-after-ms` is OpenAI's finer form of it.
    """
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        date = parsedate_tz(headers.get("retry-after", ""))
        return max(0.0, mktime_tz(date) - time.time()) if date else None
    except (ValueError, OverflowError):  # no day of any calendar
        return None
