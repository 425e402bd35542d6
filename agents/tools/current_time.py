"""The time, which no model knows."""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from agents.tools.tool import ToolError, tool

MAX_SUGGESTIONS = 5


@tool(effect="pure", timeout_seconds=2)
def current_time(timezone: str = "UTC") -> str:
    """Tell the date and time of now in a time zone, in RFC 3339 form.

    Args:
        timezone: An IANA time zone name, such as Europe/Berlin or America/New_York.
    """
    return datetime.now(_zone(timezone)).isoformat(timespec="seconds")


def _zone(name: str) -> ZoneInfo:
    known = _known()
    wanted = name.strip().replace(" ", "_").lower()
    if wanted in known:
        return ZoneInfo(known[wanted])
    near = sorted(zone for lower, zone in known.items() if wanted and lower.endswith(f"/{wanted}"))[:MAX_SUGGESTIONS]
    example = " or ".join(near) or "Europe/Berlin or UTC"
    raise ToolError(f"There is no time zone {name[:64]!r}; an IANA name is needed, such as {example}.")


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """The names as they are by what they are in lower case. Only these reach ZoneInfo, which opens files by name."""
    return {zone.lower(): zone for zone in available_timezones()}
