"""Tools by name, and the one way to call them, which never fails: whatever goes wrong is told to the model.

Some come with the code, others from sources (see `sources.py`). Those are named `<source>__<tool>`, and an agent may be
allowed all of one source as `<source>__*`.
"""

import asyncio
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pydantic_core import to_json

from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents.engine.types import MAX_FUNCTIONS, Function
from agents.tools import sources
from agents.tools.arguments import BadArguments
from agents.tools.sources import Source
from agents.tools.tool import KEY, CallContext, Effect, Tool, ToolError, Unanswered

MAX_OUTPUT_BYTES = 32 * 1024
CUT_NOTE = "\n[The output was cut here: it is longer than 32 KiB.]"
# More functions than this are taken in no call of OpenAI's.
# A test holds the tools that come with the code below the first; of all others each byte may be a token.
SHIPPED_TOKENS = 300
OVERHEAD_TOKENS = 16
ALL_OF_A_SOURCE = "__*"
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_tools: dict[str, Tool] = {}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of a tool gave, in words for the model. `is_unknown`: an unsafe call may or may not have taken effect."""

    output: str
    is_error: bool = False
    is_unknown: bool = False


def register(tool: Tool) -> None:
    """Let agents name the tool. Raises ValueError when the name is taken."""
    if tool.name in _tools:
        raise ValueError(f"There are two tools named {tool.name!r}.")
    _tools[tool.name] = tool


def add_source(read_tools: Source) -> None:
    """Have tools read from the database, every few seconds at most, by a plain function in a database thread."""
    sources.add(read_tools)


def read(wanted: Iterable[str]) -> None:
    """Read the sources, if the allow list names more than shipped tools and that was not done a moment ago.

    To be run in a database thread.
    """
    if not _are_shipped(wanted):
        sources.read()


async def refresh(wanted: Iterable[str]) -> None:
    """The same from the event loop. While PostgreSQL is away, what was read last goes on to hold."""
    if not _are_shipped(wanted) and not sources.is_fresh():
        with suppress(Unavailable):
            await in_database(sources.read)


def names() -> tuple[str, ...]:
    """The names of all tools, sorted."""
    return tuple(sorted({*_tools, *sources.names()}))


def whole_sources() -> tuple[str, ...]:
    """The entries of allow lists that mean all tools of one source, sorted."""
    return tuple(sorted({name.partition("__")[0] + ALL_OF_A_SOURCE for name in sources.names()}))


def get(name: str) -> Tool | None:
    """The tool of this name, if there is one."""
    return _tools.get(name) or sources.get(name)


def allowed(entries: Iterable[str]) -> list[str]:
    """The names that an allow list means now, each once; entries that mean nothing any more are left out."""
    found: dict[str, None] = {}
    for entry in entries:
        if entry.endswith(ALL_OF_A_SOURCE):
            found |= dict.fromkeys(sorted(name for name in sources.names() if name.startswith(entry[:-1])))
        elif get(entry):
            found[entry] = None
    return list(found)


def functions(entries: Iterable[str], approved: Sequence[str] = ()) -> tuple[Function, ...]:
    """The tools of an allow list as models are told of them, with what that costs at most. What is not set up is left out.

    A person has to agree to the calls of those that `approved` names or has a pattern for, and of those that say so themselves.
    """
    tools = [tool for tool in map(get, allowed(entries)[:MAX_FUNCTIONS]) if tool and not tool.unavailable()]
    return tuple(
        Function(
            tool.name,
            tool.description,
            tool.parameters,
            _most_tokens(tool),
            needs_approval=tool.approval or is_named(tool.name, approved),
            effect=tool.effect,
        )
        for tool in tools
    )


def is_named(name: str, patterns: Iterable[str]) -> bool:
    """Whether a tool is among these names and patterns, in which * stands for any characters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def function_schemas(entries: Iterable[str]) -> list[dict[str, Any]]:
    """The same in the form of OpenAI's chat completions."""
    return [function.schema for function in functions(entries)]


def not_set_up(entries: Iterable[str]) -> dict[str, str]:
    """The tools of an allow list that cannot be called on this platform, and why."""
    reasons = {name: tool.unavailable() for name in allowed(entries) if (tool := get(name))}
    return {name: reason for name, reason in reasons.items() if reason}


def effect_of(name: str) -> Effect:
    """What calling the tool twice means; calling one that does not exist means nothing."""
    tool = get(name)
    return tool.effect if tool else "pure"


async def call(name: str, arguments: str, *, context: CallContext | None = None) -> Outcome:
    """Call a tool with the JSON text that a model wrote; a tool that asks for the context needs one.

    Anything that goes wrong is an Outcome in one sentence, without traces; only being cancelled passes.
    """
    tool = get(name)
    if tool is None:
        return Outcome(f"There is no tool named {name!r}; there are: {', '.join(names())}.", is_error=True)
    if reason := tool.unavailable():
        return Outcome(reason, is_error=True)
    try:
        return Outcome(_told(await _performed(tool, tool.read(arguments) | _given(tool, context))))
    except BadArguments as error:
        return Outcome(_told(f"{name} cannot be called like this: {error}"), is_error=True)
    except ToolError as error:
        return Outcome(_told(str(error)), is_error=True)
    except Unanswered as error:
        return Outcome(_told(str(error)), is_error=True, is_unknown=tool.effect == "unsafe")
    except TimeoutError:
        told = f"{name} did not answer within {tool.timeout_seconds:g} s."
        return Outcome(told, is_error=True, is_unknown=tool.effect == "unsafe")
    except asyncio.CancelledError as error:
        if _is_being_cancelled():
            raise
        return _failed(tool, error)
    except Exception as error:  # noqa: BLE001 - a tool may fail in any way; the task goes on
        return _failed(tool, error)


def _are_shipped(wanted: Iterable[str]) -> bool:
    return all(name in _tools for name in wanted)


def _most_tokens(tool: Tool) -> int:
    if tool.name in _tools:
        return SHIPPED_TOKENS
    told = (tool.name, tool.description, tool.parameters)
    return len(json.dumps(told, ensure_ascii=False).encode(errors="replace")) + OVERHEAD_TOKENS


def _given(tool: Tool, context: CallContext | None) -> dict[str, Any]:
    """What the platform fills in."""
    if not tool.takes_key and not tool.context_parameter:
        return {}
    if context is None:
        raise TypeError(f"{tool.name} is called from nowhere.")
    given = {tool.context_parameter: context} if tool.context_parameter else {}
    return {**given, KEY: context.idempotency_key} if tool.takes_key else given


async def _performed(tool: Tool, values: Mapping[str, Any]) -> object:
    async with asyncio.timeout(tool.timeout_seconds):
        if tool.runs_in_thread:
            return await asyncio.to_thread(tool.function, **values)
        given = tool.function(**values)
        return await given if inspect.isawaitable(given) else given


def _told(value: object) -> str:
    """The value as text that a journal can hold and a model can read to its end."""
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    # A character is at least a byte, so the rest cannot be told; 50 MB are not gone through for that.
    text = UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text[: MAX_OUTPUT_BYTES + 1])
    encoded = text.encode()
    if len(encoded) <= MAX_OUTPUT_BYTES:
        return text
    return encoded[: MAX_OUTPUT_BYTES - len(CUT_NOTE)].decode(errors="ignore") + CUT_NOTE


def _is_being_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0


def _failed(tool: Tool, error: BaseException) -> Outcome:
    log(__name__).warning("tool_failed", tool=tool.name, error=type(error).__name__)
    told = f"{tool.name} failed; it may work with other arguments, or later."
    return Outcome(told, is_error=True, is_unknown=tool.effect == "unsafe")
