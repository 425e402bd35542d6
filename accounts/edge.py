"""The coarse edge: one address may guess only so many keys or passwords, and open so many pages, a minute.

Counted by django-ratelimit in fixed windows, which is exact enough here. It is synchronous, so the API asks it on the
path of failed calls alone, in threads of its own: neither a flood of bad keys nor a Redis that hangs delays a good key.
With Redis away it admits.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_ratelimit.core import get_usage

from accounts.addresses import client_address
from agentplatform.errors import RateLimited, problem_response

View = Callable[..., Any]
WINDOW_SECONDS = 60
REMEMBERED_AT_MOST = 10_000

_threads = ThreadPoolExecutor(2, thread_name_prefix="edge")
_refused_until: dict[str, float] = {}


async def count_failure(request: HttpRequest) -> None:
    """Count one refused key against the caller's address; raises RateLimited when that address had too many."""
    refuse_guesser(request)
    limit = settings.FAILED_AUTHENTICATION_LIMIT
    wait = await counted(request, "failed_authentication", limit)
    if wait > 0:
        _remember(client_address(request), wait)
        raise refusal(wait, "failed_authentication", "wrong keys", limit)


def refuse_guesser(request: HttpRequest) -> None:
    """Raise RateLimited when this process remembers that the caller's address tried too many keys; asks no store."""
    if (wait := wait_of_guesser(client_address(request))) > 0:
        raise refusal(wait, "failed_authentication", "wrong keys", settings.FAILED_AUTHENTICATION_LIMIT)


def wait_of_guesser(address: str) -> float:
    """For how many seconds an address that tried too many keys is refused; 0 or less for every other."""
    return _refused_until.get(address, 0.0) - time.monotonic()


def remembers_guessers() -> bool:
    """Tell, at next to no cost, whether there may be an address to refuse."""
    return bool(_refused_until)


def limited(view: View, name: str, setting: str, things: str) -> View:
    """An asynchronous view that one address may call only as often as the setting says; past that it answers 429."""

    @wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        limit: int = getattr(settings, setting)
        if (wait := await counted(request, name, limit)) > 0:
            return problem_response(refusal(wait, name, things, limit), request)
        answer: HttpResponseBase = await view(request, *args, **kwargs)
        return answer

    return guarded


async def counted(request: HttpRequest, group: str, limit: int) -> float:
    """`count`, in a thread of its own."""
    return await asyncio.get_running_loop().run_in_executor(_threads, count, request, group, limit)


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


def refusal(wait: float, name: str, things: str, limit: int) -> RateLimited:
    """The answer to an address that did something too often; it may go on after `wait` seconds."""
    seconds = round(wait, 1)
    return RateLimited(
        f"{limit} {things} per {WINDOW_SECONDS} s allowed for an address; the next is allowed in {seconds:g} s.",
        members={
            "rule": name,
            "limit": {
                "name": name,
                "limit": limit,
                "remaining": 0,
                "window_seconds": WINDOW_SECONDS,
                "reset_seconds": seconds,
            },
        },
        headers={"Retry-After": str(int(wait) + 1)},
    )
