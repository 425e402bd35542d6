"""Tools by name, and the one way to call them, which never fails: whatever goes wrong is told to the model."""

import asyncio
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from agentplatform.logs import log
from agents.tools.tool import KEY, Effect, Tool, ToolError

MAX_OUTPUT_BYTES = 32 * 1024
CUT_NOTE = "\n[The output was cut here: it is longer than 32 KiB.]"
MAX_ERRORS_TOLD = 3
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


def names() -> tuple[str, ...]:
    """The names of all tools, sorted."""
    return tuple(sorted(_tools))


def get(name: str) -> Tool | None:
    """The tool of this name, if there is one."""
    return _tools.get(name)


def function_schemas(wanted: Iterable[str]) -> list[dict[str, Any]]:
    """The named tools as OpenAI's chat completions take them; names that mean nothing any more are left out."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in map(get, wanted)
        if tool
    ]


def effect_of(name: str) -> Effect:
    """What calling the tool twice means; calling one that does not exist means nothing."""
    tool = get(name)
    return tool.effect if tool else "pure"


async def call(name: str, arguments: str, *, key: str = "") -> Outcome:
    """Call a tool with the JSON text that a model wrote; `key` tells this call from all others, made again or not.

    Anything that goes wrong is an Outcome in one sentence, without traces; only being cancelled passes.
    """
    tool = get(name)
    if tool is None:
        return Outcome(f"There is no tool named {name!r}; there are: {', '.join(names())}.", is_error=True)
    try:
        values = _read_arguments(tool, arguments) | ({KEY: key} if tool.takes_key else {})
        return Outcome(_told(await _performed(tool, values)))
    except ToolError as error:
        return Outcome(_told(str(error)), is_error=True)
    except TimeoutError:
        told = f"{name} did not answer within {tool.timeout_seconds:g} s."
        return Outcome(told, is_error=True, is_unknown=tool.effect == "unsafe")
    except asyncio.CancelledError as error:
        if _is_being_cancelled():
            raise
        return _failed(tool, error)
    except Exception as error:  # noqa: BLE001 - a tool may fail in any way; the task goes on
        return _failed(tool, error)


def _read_arguments(tool: Tool, arguments: str) -> dict[str, Any]:
    try:
        read = tool.arguments.model_validate_json(arguments.strip() or "{}")
    except ValidationError as error:
        raise ToolError(f"{tool.name} cannot be called like this: {_faults(error)}") from error
    return {name: getattr(read, name) for name in type(read).model_fields}


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return "the arguments are not valid JSON."
    told = [(".".join(map(str, fault["loc"])) or "arguments", fault["msg"]) for fault in faults[:MAX_ERRORS_TOLD]]
    return " ".join(f"{place}: {message}." for place, message in told)


async def _performed(tool: Tool, values: Mapping[str, Any]) -> object:
    async with asyncio.timeout(tool.timeout_seconds):
        if tool.runs_in_thread:
            return await asyncio.to_thread(tool.function, **values)
        given = tool.function(**values)
        return await given if inspect.isawaitable(given) else given


def _told(value: object) -> str:
    """The value as text that a journal can hold and a model can read to its end."""
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    text = UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
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
