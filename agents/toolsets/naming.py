"""The names by which models call the tools of a toolset: `<toolset>__<tool>`, as OpenAI's functions may be named."""

import re
from collections.abc import Container

MOST_CHARACTERS = 64
MOST_CHARACTERS_OF_A_TOOLSET = 30
TOOLSET = re.compile(r"[a-z][a-z0-9-]*")
UNFIT = re.compile(r"[^a-zA-Z0-9_-]+")


def tool_name(toolset: str, remote_name: str, taken: Container[str]) -> str:
    """A name for the tool that is like its own, and none of those taken."""
    plain = UNFIT.sub("_", remote_name).strip("_") or "tool"
    name, number = _joined(toolset, plain, ""), 1
    while name in taken:
        number += 1
        name = _joined(toolset, plain, f"-{number}")
    return name


def _joined(toolset: str, plain: str, ending: str) -> str:
    beginning = f"{toolset}__"
    return beginning + plain[: MOST_CHARACTERS - len(beginning) - len(ending)] + ending
