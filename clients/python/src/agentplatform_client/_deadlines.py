"""How long a call may take in all."""

import math
import time

from agentplatform_client.errors import DeadlinePassed


class Deadline:
    """The moment at which the caller's `timeout` is over; None is never."""

    def __init__(self, seconds: float | None, task_id: str | None = None, *, idempotency_key: str = "") -> None:
        if seconds is not None and not seconds > 0:
            raise ValueError("A timeout is more than 0 seconds, or None.")
        self.seconds = seconds
        self.task_id = task_id
        self._idempotency_key = idempotency_key
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
        said = f"The timeout of {self.seconds:g} s is over."
        if self.task_id:
            said += f" Task {self.task_id} goes on."
        elif self._idempotency_key:
            said += f" The task may go on; sent again with idempotency_key={self._idempotency_key!r}, it is found."
        return DeadlinePassed(said, self.task_id)
