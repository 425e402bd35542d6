"""When things happen: more by day than by night, fewer at weekends, a little more each week."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate

BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 18, 14, 16, 18, 17, 15, 11, 8, 6, 5, 4, 3, 2)
AT_WEEKENDS = 0.25
GROWTH_A_WEEK = 0.04


def moments(dice: random.Random, count: int, since: datetime, until: datetime) -> Iterator[datetime]:
    """So many moments in order."""
    hours = max(1, round((until - since) / timedelta(hours=1)))
    weights = []
    for number in range(hours):
        at = since + timedelta(hours=number)
        weekly = AT_WEEKENDS if at.weekday() >= 5 else 1.0
        weights.append(BY_HOUR[at.hour] * weekly * (1 + GROWTH_A_WEEK * number / 168))
    totals = list(accumulate(weights))
    hour = 0
    for number in range(count):
        wanted = (number + dice.random()) / count * totals[-1]
        while hour < hours - 1 and totals[hour] < wanted:
            hour += 1
        part = (wanted - totals[hour] + weights[hour]) / weights[hour]
        yield min(until, since + timedelta(hours=hour + min(1.0, max(0.0, part))))
