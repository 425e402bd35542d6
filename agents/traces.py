"""The spans of a run: the attempt at a task, its delegates, calls of models and tools, by OpenTelemetry's conventions for GenAI.

What was said is in them only with TRACE_CONTENT, as the journal has it: masked where the client's masking asks for that, and
without anything that looks like a key.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from agentplatform import tracing
from agentplatform.logs import SECRET
from agents import llm
from agents.engine import events as e
from agents.engine.effects import CallModel, CallTool, Outside
from agents.engine.state import State
from agents.engine.types import Message, ToolCall
from agents.models import Task

if TYPE_CHECKING:
    from opentelemetry.trace import Span

TEXT_CHARACTERS = 8 * 1024
"""Of one text in a span, at most: a span is for a glance, the journal has it all."""
MOST_MESSAGES = 32
# Every model is reached by this provider's API; the address says who it is.
PROVIDER = "openai"
UNTRACED: AbstractContextManager[None] = nullcontext()


def attempt(task: Task, state: State, traceparent: str) -> AbstractContextManager[Trail | None]:
    """The span of one attempt at a task, in the trace in which it was accepted; None while nothing is traced."""
    return _attempt(task, state, traceparent) if tracing.is_on() else UNTRACED


@contextmanager
def _attempt(task: Task, state: State, traceparent: str) -> Iterator[Trail | None]:
    agent = state.team[state.root.agent]
    attributes: dict[str, tracing.Value] = {
        **_invoked(agent.slug),
        "gen_ai.agent.version": str(agent.version),
        "agentplatform.task.id": str(task.pk),
        "agentplatform.task.mode": task.mode,
        "agentplatform.task.attempt": task.attempts,
        "agentplatform.client.id": str(task.client_id),
        "agentplatform.request.id": task.request_id,
    }
    if agent.strategy != "code":
        attributes["gen_ai.request.model"] = agent.model
    if task.conversation_id:
        attributes["gen_ai.conversation.id"] = str(task.conversation_id)
    if settings.TRACE_CONTENT:
        attributes["gen_ai.input.messages"] = _asked(state.input.task)
    parent = tracing.place_of({"traceparent": traceparent})
    with tracing.span(f"invoke_agent {agent.slug}", attributes, parent=parent) as root:
        if not root.is_recording():  # left out by the sampler, with all that would be below it
            yield None
            return
        trail = Trail(task, state, root)
        try:
            yield trail
        finally:
            trail.close()


class Trail:
    """One attempt's spans: the root's, those of delegates below it, and below each the calls that it makes."""

    def __init__(self, task: Task, state: State, root: Span) -> None:
        self._conversation_id = str(task.conversation_id or "")
        self._root = root
        self._runs: dict[str, Span] = {e.ROOT: root}
        self._reasons: dict[str, str] = {}
        for run in sorted(state.runs.values(), key=lambda run: run.id.count(".")):
            if run.id != e.ROOT and not run.is_done:  # begun in an earlier attempt
                self._begin(run.id, run.agent, run.task)

    def follow(self, event: e.Event) -> None:
        """Take note of what happened in the task."""
        match event:
            case e.DelegateStarted():
                self._begin(event.child, event.agent, event.task)
            case e.DelegateFinished() if ended := self._runs.pop(event.child, None):
                if event.is_error:
                    tracing.fail(ended, "delegate_failed")
                if settings.TRACE_CONTENT:
                    ended.set_attribute("gen_ai.output.messages", _said(event.output))
                ended.end()
            case e.HandedOver():
                self._run(event.run).add_event("agentplatform.handed_over", {"gen_ai.agent.name": event.agent})
            case e.ApprovalRequested():
                asked = {"agentplatform.approval.kind": event.kind, "agentplatform.approval.id": event.approval_id}
                self._run(event.run).add_event("agentplatform.approval_requested", asked)

    async def around(self, effect: Outside, work: Awaitable[e.Event]) -> e.Event:
        """Have a model or a tool called within a span that says what became of it."""
        name, kind, attributes = self._about(effect)
        parent = tracing.below(self._run(effect.run))
        with tracing.span(name, attributes, kind=kind, parent=parent) as span:
            event = await work
            _tell(span, event, self._reasons.pop(effect.run, ""))
        return event

    def replied(self, effect: CallModel, reply: llm.Reply) -> None:
        """Note what only the provider's answer says. Within the span of the call."""
        self._reasons[effect.run] = reply.finish_reason
        told: dict[str, tracing.Value] = {"gen_ai.response.model": reply.model}
        if reply.finish_reason:
            told["gen_ai.response.finish_reasons"] = [reply.finish_reason]
        if reply.id:
            told["gen_ai.response.id"] = reply.id
        tracing.note(told)

    def ended(self, task: Task | None) -> None:
        """Say how the task stands after the attempt; None: another process took it over."""
        if task is None:
            tracing.fail(self._root, "lease_lost")
            return
        self._root.set_attributes(
            {
                "agentplatform.task.status": task.status,
                "agentplatform.task.exit_reason": task.exit_reason,
                "agentplatform.cost_usd": float(task.cost_usd),
                "agentplatform.model_calls": task.model_calls,
                "agentplatform.tool_calls": task.tool_calls,
            }
        )
        if task.guard_rule:
            self._root.set_attribute("agentplatform.guard.rule", task.guard_rule)
        if task.status == Task.Status.FAILED:
            tracing.fail(self._root, task.exit_reason)
        elif settings.TRACE_CONTENT and task.result is not None:
            self._root.set_attribute("gen_ai.output.messages", _said(task.result))

    def close(self) -> None:
        """End what is still open: delegates that go on in another attempt, or were left when the task ended."""
        for run_id, span in self._runs.items():
            if run_id != e.ROOT:
                span.end()

    def _begin(self, run_id: str, agent: str, task: str) -> None:
        attributes = {**_invoked(agent), "agentplatform.run": run_id}
        if settings.TRACE_CONTENT:
            attributes["gen_ai.input.messages"] = _asked(task)
        above = tracing.below(self._run(run_id.rpartition(".")[0]))
        self._runs[run_id] = tracing.begun(f"invoke_agent {agent}", attributes, parent=above)

    def _run(self, run_id: str) -> Span:
        return self._runs.get(run_id, self._root)

    def _about(self, effect: Outside) -> tuple[str, tracing.Kind, dict[str, tracing.Value]]:
        if isinstance(effect, CallTool):
            return f"execute_tool {effect.call.name}", "internal", _of_tool(effect)
        attributes = _of_model(effect)
        if self._conversation_id:
            attributes["gen_ai.conversation.id"] = self._conversation_id
        return f"chat {effect.model.name}", "client", attributes


def _invoked(agent: str) -> dict[str, tracing.Value]:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": PROVIDER, "gen_ai.agent.name": agent}


def _of_tool(effect: CallTool) -> dict[str, tracing.Value]:
    attributes: dict[str, tracing.Value] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": effect.call.name,
        "gen_ai.tool.call.id": effect.call.id,
        "gen_ai.tool.type": "function",
    }
    if settings.TRACE_CONTENT:
        attributes["gen_ai.tool.call.arguments"] = _text(effect.call.arguments)
    return attributes


def _of_model(effect: CallModel) -> dict[str, tracing.Value]:
    attributes: dict[str, tracing.Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": effect.model.name,
        "gen_ai.request.max_tokens": effect.max_output_tokens,
        "gen_ai.output.type": "text" if effect.output_schema is None else "json",
        "gen_ai.agent.name": effect.agent.slug,
        "agentplatform.step": effect.step,
        "agentplatform.purpose": effect.purpose,
        **_server(llm.base_url()),
    }
    if effect.agent.temperature is not None:
        attributes["gen_ai.request.temperature"] = effect.agent.temperature
    if settings.TRACE_CONTENT:
        attributes["gen_ai.input.messages"] = _json(_message(each) for each in effect.messages[-MOST_MESSAGES:])
    return attributes


@cache
def _server(url: str) -> Mapping[str, tracing.Value]:
    """Who answers, without what else may stand in the URL."""
    parts = urlsplit(url)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }


def _tell(span: Span, event: e.Event, finish_reason: str) -> None:
    """What became of a call."""
    match event:
        case e.ModelAnswered():
            span.set_attributes(
                {
                    "gen_ai.usage.input_tokens": event.usage.input_tokens,
                    "gen_ai.usage.output_tokens": event.usage.output_tokens,
                    "agentplatform.cost_usd": float(event.cost_usd),
                }
            )
            if settings.TRACE_CONTENT:
                answer = _message(Message("assistant", event.text, event.tool_calls))
                span.set_attribute("gen_ai.output.messages", _json([{**answer, "finish_reason": finish_reason}]))
            _tell_guard(span, event.guard_rule)
        case e.ModelFailed():
            span.set_attribute("agentplatform.cost_usd", float(event.cost_usd))
            tracing.fail(span, "model_failed" if event.was_asked else "not_asked")
        case e.ToolReturned():
            if event.is_error:
                tracing.fail(span, "tool_failed")
            if settings.TRACE_CONTENT:
                span.set_attribute("gen_ai.tool.call.result", _text(event.output))
            _tell_guard(span, event.guard_rule)
        case e.OutcomeUnknown():
            tracing.fail(span, "outcome_unknown")


def _tell_guard(span: Span, rule: str) -> None:
    if rule:
        span.set_attribute("agentplatform.guard.rule", rule)


def _asked(what: str) -> str:
    """What an agent was asked, in the form of the conventions."""
    return _json([{"role": "user", "parts": [{"type": "text", "content": _text(what)}]}])


def _said(what: Any) -> str:
    """What an agent answered."""
    text = what if isinstance(what, str) else json.dumps(what, ensure_ascii=False)
    parts = [{"type": "text", "content": _text(text)}]
    return _json([{"role": "assistant", "parts": parts, "finish_reason": "stop"}])


def _message(message: Message) -> dict[str, Any]:
    text = _text(message.content)
    if message.role == "tool":
        return {"role": "tool", "parts": [{"type": "tool_call_response", "id": message.tool_call_id, "response": text}]}
    parts: list[dict[str, Any]] = [{"type": "text", "content": text}] if text else []
    return {"role": message.role, "parts": [*parts, *map(_called, message.tool_calls)]}


def _called(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": _value(_text(call.arguments))}


def _value(written: str) -> Any:
    """What the JSON says; the text, where a model wrote none."""
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def _json(messages: Iterable[Mapping[str, Any]]) -> str:
    return json.dumps(list(messages), ensure_ascii=False)


def _text(written: str) -> str:
    """The text without what looks like a key, and no longer than a span should hold."""
    text = SECRET.sub("[redacted]", written)
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"
