"""Tools that operators add while the platform runs: each source reads its own from the database.

A process keeps what it read for a few seconds, and for as long as PostgreSQL is away.
"""

import time
from collections.abc import Callable, Iterable

from django.db import InterfaceError, OperationalError

from agentplatform.logs import log
from agents.tools.tool import Tool

KEPT_SECONDS = 2.0

Source = Callable[[], Iterable[Tool]]

_sources: list[Source] = []
_by_source: dict[Source, tuple[Tool, ...]] = {}
_found: dict[str, Tool] = {}
_read_at = -KEPT_SECONDS


def add(source: Source) -> None:
    """Have tools read by this function, in a database thread. To add it again changes nothing."""
    if source not in _sources:
        _sources.append(source)


def get(name: str) -> Tool | None:
    """The tool of this name, as it was read last."""
    return _found.get(name)


def names() -> tuple[str, ...]:
    """The names of all tools, as they were read last."""
    return tuple(_found)


def is_fresh() -> bool:
    """Whether the sources were read a moment ago."""
    return time.monotonic() - _read_at < KEPT_SECONDS


def read(*, is_forced: bool = False) -> None:
    """Read all sources, unless that was done a moment ago and nobody forces it. To be run in a database thread.

    A source that fails keeps the tools it had; where two give one name, it belongs to the first.
    """
    global _found, _read_at
    if is_fresh() and not is_forced:
        return
    found: dict[str, Tool] = {}
    for source in _sources:
        for tool in _read(source):
            if found.setdefault(tool.name, tool) is not tool:
                log(__name__).warning("tool_name_taken", tool=tool.name)
    _found, _read_at = found, time.monotonic()


def forget() -> None:
    """Drop what this process keeps, so that a change is seen at once."""
    global _found, _read_at
    _found, _read_at = {}, -KEPT_SECONDS
    _by_source.clear()


def _read(source: Source) -> tuple[Tool, ...]:
    try:
        _by_source[source] = tuple(source())
    except (OperationalError, InterfaceError):
        raise  # all of them wait for PostgreSQL
    except Exception as error:  # noqa: BLE001 - one source that is broken takes nothing from the others
        log(__name__).warning("tool_source_failed", source=source.__module__, error=type(error).__name__)
    return _by_source.get(source, ())
