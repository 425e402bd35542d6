"""Wait for a state, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(state: Callable[[], T], *, within: float = 10) -> T:
    """Ask until the answer is true, and give it; fails after so many seconds. A failed assertion counts as not yet."""
    deadline = time.monotonic() + within
    while True:
        try:
            if (answer := state()) or time.monotonic() > deadline:
                assert answer, f"not so within {within} s: the last answer was {answer!r}"
                return answer
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)
