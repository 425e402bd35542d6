"""What an agent as code is, and how a function becomes one. Imports nothing of Django, so a function can be tried by itself."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class BadAgent(ValueError):
    """The declaration makes no agent. The message says what would be right."""


@dataclass(frozen=True, slots=True)
class CodeAgent:
    """A function with what its agent says of itself; the fields are those of a version (see agents/content.py)."""

    slug: str
    function: Callable[..., Any]
    fields: Mapping[str, Any]

    @property
    def origin(self) -> str:
        """Where the function stands."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)


_agents: dict[str, CodeAgent] = {}


def agent(  # noqa: PLR0913  # the fields of a version
    *,
    slug: str,
    description: str,
    tools: Iterable[str] = (),
    delegates: Iterable[str] = (),
    model: str = "",
    fallback_models: Iterable[str] = (),
    temperature: float | None = None,
    model_settings: Mapping[str, Any] | None = None,
    output_schema: Mapping[str, Any] | None = None,
    guard_mode: str = "block",
    output_guard: str = "flag",
    approval: str = "none",
    approval_tools: Iterable[str] = (),
    approval_timeout_seconds: int | None = None,
    approval_on_timeout: str = "reject",
    max_output_tokens: int = 2000,
    max_steps: int = 12,
    max_cost_usd: str = "0.50",
    timeout_seconds: int = 120,
    cache_seconds: int = 0,
) -> Callable[[F], F]:
    """Make the decorated function an agent. It takes the task and a Context, and returns text or JSON.

    A coroutine function runs on the event loop and must not block; a plain one runs in a thread and gets a BlockingContext.
    The function itself stays as it is. Raises BadAgent for what is no such function, and for a slug that is taken.
    """
    fields: dict[str, Any] = {
        "description": description,
        "model": model,
        "fallback_models": list(fallback_models),
        "temperature": temperature,
        "model_settings": dict(model_settings or {}),
        "tools": list(tools),
        "delegates": list(delegates),
        "output_schema": None if output_schema is None else dict(output_schema),
        "guard_mode": guard_mode,
        "output_guard": output_guard,
        "approval": approval,
        "approval_tools": list(approval_tools),
        "approval_timeout_seconds": approval_timeout_seconds,
        "approval_on_timeout": approval_on_timeout,
        "max_output_tokens": max_output_tokens,
        "max_steps": max_steps,
        "max_cost_usd": max_cost_usd,
        "timeout_seconds": timeout_seconds,
        "cache_seconds": cache_seconds,
    }

    def declared(function: F) -> F:
        _check(function)
        made = CodeAgent(slug, function, fields)
        other = _agents.get(slug)
        if other and other.origin != made.origin:
            raise BadAgent(f"{made.origin} and {other.origin} both declare the agent {slug!r}.")
        _agents[slug] = made
        return function

    return declared


def registered() -> Mapping[str, CodeAgent]:
    """The agents that were declared in this process, by slug."""
    return _agents


def forget(slug: str) -> None:
    """Take an agent back, as if its module were not named any more."""
    _agents.pop(slug, None)


def _check(function: object) -> None:
    if not inspect.isfunction(function):
        raise BadAgent(f"{function!r} is no function; @agent stands above a function of (task, context).")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise BadAgent(
            f"{function.__qualname__} yields; an agent returns its result, and says parts of it with context.say."
        )
    try:
        inspect.signature(function).bind("", None)
    except TypeError as error:
        raise BadAgent(f"{function.__qualname__} takes other arguments than (task, context): {error}.") from error
