"""The coarse edge: one address may guess only so many keys or passwords a minute.

Counted by django-ratelimit in fixed windows, which is exact enough here. It is synchronous, so the API asks it on the
path of failed calls alone, in threads of its own: neither a flood of bad keys nor a Redis that hangs delays a good key.
With Redis away it admits.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from accounts.addresses import client_address
from agentplatform.errors import RateLimited

WINDOW_SECONDS = 60
REMEMBERED_AT_MOST = 10_000

_threads = ThreadPoolExecutor(2, thread_name_prefix="edge")
_refused_until: dict[str, float] = {}


async def count_failure(request: HttpRequest) -> None:
    """Count one refused key against the caller's address; raises RateLimited when that address had too many."""
    address = client_address(request)
    wait = _refused_until.get(address, 0.0) - time.monotonic()
    if wait <= 0:
        limit = settings.FAILED_AUTHENTICATION_LIMIT
        wait = await asyncio.get_running_loop().run_in_executor(
            _threads, count, request, "failed_authentication", limit
        )
        if wait > 0:
            _remember(address, wait)
    if wait > 0:
        raise _refusal(wait)


def forget() -> None:
    """Drop what this process remembers of refused addresses."""
    _refused_until.clear()


def count(request: HttpRequest, group: str, limit: int) -> float:
    """Count one try of the group; give the seconds that the address must wait, 0 when it need not."""
    address = client_address(request)
    if not address:
        return 0.0
    usage = get_usage(request, group=group, key=lambda *_: address, rate=(limit, WINDOW_SECONDS), increment=True)
    return max(float(usage["time_left"]), 1.0) if usage and usage["should_limit"] else 0.0


def _remember(address: str, wait: float) -> None:
    _refused_until.pop(address, None)
    _refused_until[address] = time.monotonic() + wait
    if len(_refused_until) > REMEMBERED_AT_MOST:
        del _refused_until[next(iter(_refused_until))]


def _refusal(wait: float) -> RateLimited:
    limit, seconds = settings.FAILED_AUTHENTICATION_LIMIT, round(wait, 1)
    return RateLimited(
        f"{limit} wrong keys per {WINDOW_SECONDS} s allowed for an address; the next is allowed in {seconds:g} s.",
        members={
            "limit": {
                "name": "failed_authentication",
                "limit": limit,
                "remaining": 0,
                "window_seconds": WINDOW_SECONDS,
                "reset_seconds": seconds,
            }
        },
        headers={"Retry-After": str(int(wait) + 1)},
    )
