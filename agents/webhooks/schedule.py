"""When a delivery is tried again: soon at first, then ever later, for a day."""

import random

MINUTE, HOUR = 60, 3600
WAITS_SECONDS = (5, 30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 11 * HOUR)
"""Between the attempts; a good 24 h in all, as Standard Webhooks advises: https://www.standardwebhooks.com"""
MOST_ATTEMPTS = len(WAITS_SECONDS) + 1
JITTER = 0.1


def wait_seconds(attempts: int) -> float | None:
    """How long after so many failed attempts the next is due, up to a tenth later at random; None when there is none."""
    if not 0 < attempts < MOST_ATTEMPTS:
        return None
    return WAITS_SECONDS[attempts - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311  # no secret
