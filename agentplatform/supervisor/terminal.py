"""Output on a terminal: a spinner while things start, then one readable log of all processes, and colours."""

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

from agentplatform.supervisor.announcement import Announcement
from agentplatform.supervisor.json_lines import parsed

DIM, BOLD, RED, GREEN, YELLOW = "2", "1", "31", "32", "33"
PROCESS_COLOURS = {"web": "36", "worker": "35", "sweeper": "34", "postgres": "94", "valkey": "95", "model": "93"}
LEVEL_COLOURS = {"warning": YELLOW, "error": RED, "critical": RED, "fatal": RED}
HIDDEN = ("timestamp", "level", "event", "logger", "exception")
CLEAR_LINE = "\r\x1b[K"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Terminal:
    """Renders log lines for eyes; call `tick` now and then while steps run, so that the spinner turns."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._has_colours = not os.environ.get("NO_COLOR")
        self._frames = itertools.cycle(SPINNER)
        self._running_steps: dict[str, float] = {}

    def line(self, process: str, text: str) -> None:
        """Show a child's line with its name in front; structured ones as time, event and facts."""
        name = self._paint(f"{process:<9}", PROCESS_COLOURS.get(process, DIM))
        event = parsed(text)
        self._print(f"{name} {self._readable(event) if event is not None else self._paint(text, DIM)}")

    def news(self, event: str, *, level: str = "info", **facts: object) -> None:
        """Show the supervisor's own event as a line like any other."""
        name = self._paint(f"{'platform':<9}", BOLD)
        self._print(f"{name} {self._readable({'event': event, 'level': level, **facts})}")

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Name the step beside the spinner until it ends, then leave a line with its time."""
        began = self._running_steps[name] = time.monotonic()
        mark = self._paint("✗", RED)
        try:
            yield
            mark = self._paint("✓", GREEN)
        finally:
            del self._running_steps[name]
            self._print(f"  {mark} {name} {self._paint(f'{time.monotonic() - began:.1f} s', DIM)}")

    def tick(self) -> None:
        """Turn the spinner, if any step runs."""
        if not self._running_steps:
            return
        waited = time.monotonic() - min(self._running_steps.values())
        text = f"  {next(self._frames)} {', '.join(self._running_steps)} … {waited:.0f} s"
        self._write(CLEAR_LINE + text[: shutil.get_terminal_size().columns - 1])

    def ready(self, announcement: Announcement) -> None:
        """Show addresses, key, password and the line to paste."""
        rows = [(name, url) for name, url in announcement.links.items()]
        if announcement.api_key:
            rows.append(("API key", announcement.api_key))
        if announcement.admin_password:
            rows.append(("admin", f"user admin, password {announcement.admin_password} unless you changed it"))
        lines = [f"  {self._paint(f'{name:<9}', DIM)} {text}" for name, text in rows]
        title = self._paint(f"  Ready in {announcement.seconds:.1f} s: {announcement.status}", BOLD)
        tried = ["", "  Try it:", "", announcement.curl] if announcement.curl else []
        self._print("\n".join(["", title, "", *lines, *tried, "", self._paint("  Ctrl-C stops everything.", DIM), ""]))

    def _readable(self, event: dict[str, Any]) -> str:
        level = str(event.get("level", "info"))
        facts = " ".join(
            f"{self._paint(name + '=', DIM)}{value}" for name, value in event.items() if name not in HIDDEN
        )
        words = [self._paint(str(event.get("event", "")), LEVEL_COLOURS.get(level, BOLD)), facts]
        if level in LEVEL_COLOURS:
            words.insert(0, self._paint(level.upper(), LEVEL_COLOURS[level]))
        if moment := str(event.get("timestamp", ""))[11:19]:
            words.insert(0, self._paint(moment, DIM))
        trace = f"\n{event['exception']}" if event.get("exception") else ""
        return " ".join(filter(None, words)) + trace

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._has_colours else text

    def _print(self, text: str) -> None:
        self._write(f"{CLEAR_LINE if self._running_steps else ''}{text}\n")
