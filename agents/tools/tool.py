"""What a tool is, and how a function becomes one: its signature and docstring are all that a model is told of it."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

Effect = Literal["pure", "idempotent", "unsafe"]
KEY = "idempotency_key"
ARGUMENT = re.compile(r"[ ]{4}(\w+): *(.*)")


class ToolError(Exception):
    """A call that cannot be served. The message is for the model: what is wrong, and what would be right."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that models may call.

    `effect` says what calling it twice means: `pure` has no effect, `idempotent` has it once, `unsafe` may have it twice.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: Effect
    timeout_seconds: float
    function: Callable[..., Any]
    arguments: type[BaseModel]
    runs_in_thread: bool = False
    takes_key: bool = False


def tool(
    *, effect: Effect, timeout_seconds: float, runs_in_thread: bool = False
) -> Callable[[Callable[..., Any]], Tool]:
    """Make the decorated function a Tool.

    It may be a coroutine function. A plain function runs on the event loop, so it must be done within about a
    millisecond, unless `runs_in_thread`. It returns text, or a value that is given to the model as JSON.

    A parameter named `idempotency_key` is no model's to fill: it gets a text that is the same whenever this very call is
    made again, after a crash for instance, and differs from every other call's.
    """

    def made(function: Callable[..., Any]) -> Tool:
        description, told = _read_docstring(inspect.getdoc(function) or "")
        arguments = _arguments_model(function, told)
        return Tool(
            name=function.__name__,
            description=description,
            parameters=_json_schema(arguments),
            effect=effect,
            timeout_seconds=timeout_seconds,
            function=function,
            arguments=arguments,
            runs_in_thread=runs_in_thread,
            takes_key=KEY in inspect.signature(function).parameters,
        )

    return made


def _arguments_model(function: Callable[..., Any], told: Mapping[str, str]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {
        name: (
            hints[name],
            Field(... if parameter.default is parameter.empty else parameter.default, description=told.get(name)),
        )
        for name, parameter in inspect.signature(function).parameters.items()
        if name != KEY
    }
    # Small models write 42 where "42" is meant.
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    return create_model(function.__name__, __config__=config, **fields)


def _json_schema(arguments: type[BaseModel]) -> dict[str, Any]:
    """The schema without the titles pydantic derives from the names: every model call pays for its length."""
    schema = arguments.model_json_schema()
    schema.pop("title")
    for described in schema.get("properties", {}).values():
        described.pop("title", None)
    return {"properties": {}, **schema}


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description, on one line, and what the `Args:` section, which comes last, says of each parameter."""
    description, _, section = text.partition("\nArgs:\n")
    told: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if match := ARGUMENT.fullmatch(line):
            name, told[name] = match[1], match[2]
        elif name:
            told[name] = f"{told[name]} {line.strip()}".strip()
    return " ".join(description.split()), told
