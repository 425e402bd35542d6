"""How long a call may take in all."""

import math
import time

from agentplatform_client.errors import DeadlinePassed


class Deadline:
    """The moment at which the caller's `timeout` is over; None is never."""

    def __init__(self, seconds: float | None, task_id: str | None = None) -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError("A timeout is more than 0 seconds, or None.")
        self.seconds = seconds
        self.task_id = task_id
        self._at = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; infinity when there is no deadline."""
        return self._at - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0

    def check(self) -> None:
        """Raise DeadlinePassed when it has passed."""
        if self.is_over:
            raise self.passed()

    def passed(self) -> DeadlinePassed:
        """The error that says so."""
        about = f"Task {self.task_id} goes on" if self.task_id else "What was begun goes on"
        return DeadlinePassed(f"The timeout of {self.seconds:g} s is over. {about}.", self.task_id)
