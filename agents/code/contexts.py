"""What a function has to work with: its task's facts, and calls that are journalled, limited and paid like any agent's."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from agents.code.errors import AgentError, DelegateFailed, InvalidOutput, ModelFailed, StepFailed, ToolFailed
from agents.code.threads import in_own_thread
from agents.code.values import JSON
from agents.engine.output import NotValid, satisfying
from agents.engine.script import Heard

if TYPE_CHECKING:
    from agents.code.sessions import Session

T = TypeVar("T")
Messages = str | Sequence[Mapping[str, str]]
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a task, and stays the same however often its function is run.

    `input` is the `context` that the client sent; `history` is what was said before in the conversation, oldest first;
    `output_schema` is what the result has to satisfy, if anything.
    """

    task_id: str
    agent: str
    input: Mapping[str, JSON]
    history: tuple[Mapping[str, str], ...]
    output_schema: Mapping[str, JSON] | None


class Context:
    """For coroutine functions. Each call has a number, in the order in which they are made; after an interruption the function
    is run again, and calls whose results are known return them at once.
    """

    def __init__(self, facts: Facts, session: "Session") -> None:
        self.facts = facts
        self._session = session

    async def model(
        self, messages: Messages, *, schema: Mapping[str, JSON] | None = None, max_output_tokens: int | None = None
    ) -> Any:
        """The agent's model's answer to a text, or to messages with `role` and `content`; with a schema, JSON that satisfies it.

        Of one function, models are called one after the other. Raises ModelFailed, and InvalidOutput.
        """
        what = {"messages": _messages(messages), "schema": schema, "max_output_tokens": _tokens(max_output_tokens)}
        heard = await self._session.ask("model", what)
        if heard.is_error:
            raise ModelFailed(heard.output)
        if schema is None:
            return heard.output
        try:
            return satisfying(heard.output, schema)
        except NotValid as fault:
            raise InvalidOutput(str(fault)) from fault

    async def tool(self, name: str, /, **arguments: JSON) -> str:
        """What one of the agent's tools gives. Raises ToolFailed."""
        heard = await self._session.ask("tool", {"tool": name, "arguments": arguments})
        if heard.is_error:
            raise ToolFailed(heard.output)
        return str(heard.output)

    async def delegate(self, agent: str, task: str) -> str:
        """What one of the agent's delegates answers. Raises DelegateFailed."""
        if agent not in self._session.delegates:
            there_are = ", ".join(self._session.delegates) or "none"
            raise AgentError(f"{self.facts.agent} has no delegate {agent!r}; there are: {there_are}.")
        heard = await self._session.ask("delegate", {"agent": agent, "task": task})
        if heard.is_error:
            raise DelegateFailed(heard.output)
        return str(heard.output)

    async def step(self, name: str, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The JSON result of a call of the function's own, kept in the journal: once it is known, it is not made again.

        A plain function is called in a thread. Interrupted, it may be called twice. Raises StepFailed.
        """
        step = self._session.begin_step(name)
        if not step.is_known:
            made = partial(call, *args, **kwargs)
            try:
                result = await (made() if inspect.iscoroutinefunction(call) else in_own_thread(made, f"step-{name}"))
                step.end(result)
            except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same when it is told again
                step.fail(error)
        return _of_step(await step.heard)

    def say(self, text: str) -> None:
        """Stream a piece of what the result will begin with, to those who follow the task.

        Nothing is streamed of a delegate's words, nor while something that was asked for is under way.
        """
        self._session.say(text)


class BlockingContext:
    """For plain functions, which run in a thread of their own: the same calls, each returning its result."""

    def __init__(self, facts: Facts, session: "Session", loop: asyncio.AbstractEventLoop) -> None:
        self.facts = facts
        self._session = session
        self._context = Context(facts, session)
        self._loop = loop

    def model(
        self, messages: Messages, *, schema: Mapping[str, JSON] | None = None, max_output_tokens: int | None = None
    ) -> Any:
        """As Context.model."""
        return self._wait(self._context.model(messages, schema=schema, max_output_tokens=max_output_tokens))

    def tool(self, name: str, /, **arguments: JSON) -> str:
        """As Context.tool."""
        return self._wait(self._context.tool(name, **arguments))

    def delegate(self, agent: str, task: str) -> str:
        """As Context.delegate."""
        return self._wait(self._context.delegate(agent, task))

    def step(self, name: str, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """As Context.step; a plain function is called in this thread."""
        if inspect.iscoroutinefunction(call):
            return self._wait(self._context.step(name, call, *args, **kwargs))
        step = self._wait(_later(self._session.begin_step, name))
        if not step.is_known:
            try:
                self._wait(_later(step.end, call(*args, **kwargs)))
            except Exception as error:  # noqa: BLE001  # as in Context.step
                self._wait(_later(step.fail, error))
        return _of_step(self._wait(_awaited(step.heard)))

    def say(self, text: str) -> None:
        """As Context.say."""
        self._wait(_later(self._session.say, text))

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()


async def _later(call: Callable[..., T], *args: Any) -> T:
    return call(*args)


async def _awaited(known: "asyncio.Future[T]") -> T:
    return await known


def _of_step(heard: Heard) -> Any:
    if heard.is_error:
        raise StepFailed(heard.output)
    return heard.output


def _messages(given: Messages) -> list[dict[str, str]]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    messages = [dict(message) for message in given]
    for message in messages:
        is_right = message.keys() == {"role", "content"} and message["role"] in ROLES
        if not is_right or not isinstance(message["content"], str):
            raise AgentError(f'A message is {{"role": …, "content": …}}, both texts; the roles are {", ".join(ROLES)}.')
    if not messages:
        raise AgentError("A model is asked with one message at least.")
    return messages


def _tokens(most: int | None) -> int | None:
    if most is not None and (type(most) is not int or most < 1):
        raise AgentError(f"max_output_tokens is a whole number from 1 on, not {most!r}.")
    return most
