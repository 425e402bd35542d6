"""What the supervisor shows. One way on a terminal, another in a pipe; the rest of the package sees this alone."""

from contextlib import AbstractContextManager
from typing import Protocol

from agentplatform.supervisor.announcement import Announcement


class Output(Protocol):
    """A place that takes the children's lines and the supervisor's own news."""

    def line(self, process: str, text: str) -> None:
        """Show one line that a child wrote."""

    def news(self, event: str, *, level: str = "info", **facts: object) -> None:
        """Show what the supervisor did or saw."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Show that a step of the start runs, and how it ended."""

    def ready(self, announcement: Announcement) -> None:
        """Show that everything runs, and what to do with it."""
