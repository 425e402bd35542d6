"""Importing the modules that declare agents, and seeing that each declaration makes an agent."""

import importlib
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agents import content
from agents.code.declaring import CodeAgent, registered
from agents.models import SLUG


class BadModule(ValueError):
    """A module cannot be used. The message names it and says what is wrong, in a line."""


def load(modules: Iterable[str]) -> None:
    """Import the modules. Raises BadModule for one that cannot be imported, declares nothing, or declares nonsense."""
    for module in modules:
        before = set(registered())
        try:
            importlib.import_module(module)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise BadModule(f"{module} cannot be imported: {_told(error)}") from error
        declared = [agent for slug, agent in registered().items() if slug not in before or _is_of(agent, module)]
        if not declared:
            raise BadModule(f"{module} declares no agent; it takes a function below @agent (agents.code).")
        for agent in declared:
            check(agent, module)


def fields_of(agent: CodeAgent) -> dict[str, Any]:
    """What its version says, as any version's; in place of instructions, where its code stands."""
    return {**agent.fields, "instructions": f"Code: {agent.origin}"}


def check(agent: CodeAgent, module: str) -> None:
    """See that the form of a declaration is right; whom it names is seen when it is published."""
    if not SLUG.fullmatch(agent.slug):
        raise BadModule(f"{module}: the slug {agent.slug!r} is none; it takes lower-case letters, digits, - and _.")
    known = content.Known(agent.slug, content.EVERYTHING, content.EVERYTHING)
    _, faults = content.checked(fields_of(agent), known)
    if faults:
        told = " ".join(f"{fault.field}: {fault.message}" for fault in faults)
        raise BadModule(f"{module}: the agent {agent.slug} is declared wrongly. {told}")


def _is_of(agent: CodeAgent, module: str) -> bool:
    return f"{agent.function.__module__}.".startswith(f"{module}.")


def _told(error: BaseException) -> str:
    """The error in a line, with the place in a file where it came about, if that is no part of Python itself."""
    said = (str(error).strip().splitlines() or [""])[0]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if "importlib" not in frame.filename and Path(frame.filename) != Path(__file__)]
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {said}{place}" if said else f"{type(error).__name__}{place}"
