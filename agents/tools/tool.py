"""What a tool is, and how a function becomes one: its signature and docstring are all that a model is told of it."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model

from agents.tools.arguments import Read, read_by_model

Effect = Literal["pure", "idempotent", "unsafe"]
KEY = "idempotency_key"
ARGUMENT = re.compile(r"[ ]{4}(\w+): *(.*)")


class ToolError(Exception):
    """A call that cannot be served. The message is for the model: what is wrong, and what would be right."""


class Unanswered(Exception):
    """A call that went out and whose outcome nobody heard. The message says what happened, for the model.

    Of an unsafe tool it leaves the outcome unknown, where a ToolError says that nothing was done.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """Where a tool is called from: the client's task, the agent's slug, and its run in the task's tree.

    `idempotency_key` is the same whenever this very call is made again, after a crash for instance, and differs from every
    other call's.
    """

    task_id: UUID
    client_id: UUID
    agent: str
    run: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that models may call.

    `effect` says what calling it twice means: `pure` has no effect, `idempotent` has it once, `unsafe` may have it twice.
    `read` makes the function's named arguments of the JSON text that a model wrote, and raises BadArguments.
    `context_parameter` names the parameter that gets the CallContext, and `takes_key` says whether there is one for the key.
    `unavailable` says why it cannot be called on this platform, or nothing; models are not told of a tool that cannot.
    `approval`: a person has to agree to each call, whichever agent makes it.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: Effect
    timeout_seconds: float
    function: Callable[..., Any]
    read: Read
    runs_in_thread: bool = False
    takes_key: bool = False
    context_parameter: str = ""
    unavailable: Callable[[], str] = str
    approval: bool = False


def tool(
    *,
    effect: Effect,
    timeout_seconds: float,
    runs_in_thread: bool = False,
    unavailable: Callable[[], str] = str,
    approval: bool = False,
) -> Callable[[Callable[..., Any]], Tool]:
    """Make the decorated function a Tool.

    It may be a coroutine function. A plain function runs on the event loop, so it must be done within about a
    millisecond, unless `runs_in_thread`. It returns text, or a value that is given to the model as JSON. With `approval`, a
    person has to agree to each call.

    Two parameters are no model's to fill: one annotated `CallContext`, which tells where the call comes from, and one named
    `idempotency_key`, which gets that field of it alone. Where settings are missing, `unavailable` says so, for operators.
    """

    def made(function: Callable[..., Any]) -> Tool:
        description, told = _read_docstring(inspect.getdoc(function) or "")
        hints = get_type_hints(function, include_extras=True)
        context = next((name for name, hint in hints.items() if hint is CallContext and name != "return"), "")
        arguments = _arguments_model(function, hints, told, ours={context, KEY})
        return Tool(
            name=function.__name__,
            description=description,
            parameters=_json_schema(arguments),
            effect=effect,
            timeout_seconds=timeout_seconds,
            function=function,
            read=read_by_model(arguments),
            runs_in_thread=runs_in_thread,
            takes_key=KEY in hints,
            context_parameter=context,
            unavailable=unavailable,
            approval=approval,
        )

    return made


def _arguments_model(
    function: Callable[..., Any], hints: Mapping[str, Any], told: Mapping[str, str], *, ours: set[str]
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (
            hints[name],
            Field(... if parameter.default is parameter.empty else parameter.default, description=told.get(name)),
        )
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ours
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
