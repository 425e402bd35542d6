"""The exact sliding window: in any half-open window of a limit's length no more than the limit is admitted.

A log holds the times of what was admitted and is still in the window, oldest first; so it has at most `limit` entries,
and a call costs O(1) amortised. Several limits are checked and charged as one: a refused call is charged to none.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from agentplatform.redis import key

SCRIPT = """
-- KEYS: a log for each limit. ARGV: 'take' or 'look', then each log's limit and window in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- A clock that was set back stands still until it has caught up.
for _, log in ipairs(KEYS) do
  now = math.max(now, tonumber(redis.call('LINDEX', log, -1) or 0))
end

local admitted = 1
for i, log in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local function has_left(index)
    local at = redis.call('LINDEX', log, index)
    return at and tonumber(at) <= now - window
  end
  -- In hundreds first, so that the call after a long burst does not pay for all of it.
  while has_left(99) do redis.call('LPOP', log, 100) end
  while has_left(0) do redis.call('LPOP', log) end
  if redis.call('LLEN', log) >= limit then admitted = 0 end
end

local answer = {admitted}
for i, log in ipairs(KEYS) do
  local limit, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if admitted == 1 and ARGV[1] == 'take' then
    redis.call('RPUSH', log, string.format('%.0f', now))
    redis.call('PEXPIRE', log, math.ceil(window / 1000) + 1000)
  end
  local used = redis.call('LLEN', log)
  -- A limit that was lowered may find more in its log than it allows now.
  local next_to_leave = redis.call('LINDEX', log, math.max(used - limit, 0))
  answer[2 * i] = used
  answer[2 * i + 1] = next_to_leave and next_to_leave + window - now or 0
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` of what `name` counts in any window. `owner` says whose log, `holder` the same for people."""

    name: str
    limit: int
    window_seconds: int
    owner: str
    holder: str

    @property
    def log(self) -> str:
        """The Redis key of the log."""
        return key("limit", self.owner, self.name)


@dataclass(frozen=True, slots=True)
class Reading:
    """How many a log holds, and in how many microseconds the next place comes free (0 when it is empty)."""

    used: int
    reset_us: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the call is admitted, and each log's reading after it."""

    is_admitted: bool
    readings: list[Reading]


async def in_redis(client: Redis, limits: Sequence[Limit], *, consume: bool) -> Verdict:
    """Ask all the limits in one round trip; `consume=False` only looks."""
    arguments: list[str | int] = ["take" if consume else "look"]
    for limit in limits:
        arguments += [limit.limit, limit.window_seconds * 1_000_000]
    script = client.register_script(SCRIPT)
    admitted, *figures = await script(keys=[limit.log for limit in limits], args=arguments)
    return Verdict(bool(admitted), [Reading(*pair) for pair in zip(figures[::2], figures[1::2], strict=True)])


class Logs:
    """The same logs in the memory of one process, by its monotonic clock."""

    def __init__(self) -> None:
        self._logs: dict[str, deque[int]] = {}

    def ask(self, limits: Sequence[Limit], *, consume: bool) -> Verdict:
        """Ask all the limits at once; `consume=False` only looks."""
        now = time.monotonic_ns() // 1000
        logs = [self._current(limit, now) for limit in limits]
        is_admitted = all(len(log) < limit.limit for log, limit in zip(logs, limits, strict=True))
        if is_admitted and consume:
            for log in logs:
                log.append(now)
        return Verdict(is_admitted, [_reading(log, limit, now) for log, limit in zip(logs, limits, strict=True)])

    def forget(self) -> None:
        """Start anew, with nothing counted."""
        self._logs.clear()

    def _current(self, limit: Limit, now: int) -> deque[int]:
        log = self._logs.setdefault(limit.log, deque())
        while log and log[0] <= now - limit.window_seconds * 1_000_000:
            log.popleft()
        return log


def _reading(log: deque[int], limit: Limit, now: int) -> Reading:
    if not log:
        return Reading(0, 0)
    next_to_leave = log[max(len(log) - limit.limit, 0)]
    return Reading(len(log), next_to_leave + limit.window_seconds * 1_000_000 - now)
