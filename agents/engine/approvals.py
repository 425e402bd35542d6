"""What a person has to agree to: the call of a tool, the start of an agent, and the result that it gives.

Each is asked of the person once, and waits for the answer while everything else of the task goes on.
"""

from collections.abc import Iterable
from dataclasses import replace

from agents.engine import events as e
from agents.engine.effects import Effect, Record
from agents.engine.endings import failed, report
from agents.engine.prompts import request_text
from agents.engine.state import Approval, OpenTool, Run, State
from agents.engine.types import ToolCall

REJECTED = "guardrail_blocked"
"""The reason why a task ends whose start or result was rejected: a person is the guard here."""


def of_call(state: State, run: Run, tool: OpenTool) -> list[Effect] | None:
    """What happens in place of a tool's call: a person is asked or waited for, or the model is told no. None: it is made."""
    if not tool.approval_id:
        functions = state.team[run.agent].functions
        is_free = not any(each.name == tool.call.name and each.needs_approval for each in functions)
        return None if is_free else [_asked(state, run, "tool", tool.call.arguments, tool.call)]
    approval = state.approvals[tool.approval_id]
    if approval.decision == "reject":
        return [_refused(run, tool, _told(f"This call of {tool.call.name} was rejected", approval))]
    return None if approval.decision == "approve" else []


def of_start(state: State, run: Run) -> list[Effect] | None:
    """What happens before the run's agent may begin; None when it may."""
    if state.team[run.agent].approval != "start":
        return None
    if not run.start_approval:
        task = request_text(run.task, state.input.context if run.id == e.ROOT else {})
        return [_asked(state, run, "start", task)]
    return _settled(run, state.approvals[run.start_approval], f"The start of {run.agent} was rejected")


def of_result(state: State, run: Run, text: str) -> list[Effect] | None:
    """What happens before the run's result may be given; None when it may."""
    if state.team[run.agent].approval != "result":
        return None
    if not run.result_approval:
        return [_asked(state, run, "result", text)]
    return _settled(run, state.approvals[run.result_approval], f"The result of {run.agent} was rejected")


def expired(state: State) -> Record | None:
    """The end of a task that had to be approved in time, and was not."""
    late = next((approval for approval in state.approvals.values() if approval.decision == "expire"), None)
    return unanswered(late.timeout_seconds) if late else None


def unanswered(timeout_seconds: int) -> Record:
    """The same, by how long an answer was waited for."""
    return failed("timed_out", f"Nobody answered an approval within its {timeout_seconds} s.")


def numbered(state: State, effects: Iterable[Effect]) -> list[Effect]:
    """The effects, with an id for each approval that they ask for: a1, a2 and so on, in their order within the task."""
    number, named = len(state.approvals), list[Effect]()
    for effect in effects:
        if isinstance(effect, Record) and isinstance(effect.event, e.ApprovalRequested):
            number += 1
            named.append(Record(event=replace(effect.event, approval_id=f"a{number}")))
        else:
            named.append(effect)
    return named


def _asked(state: State, run: Run, kind: e.ApprovalKind, text: str, call: ToolCall | None = None) -> Effect:
    agent = state.team[run.agent]
    asked = e.ApprovalRequested(
        run=run.id,
        step=run.step,
        approval_id="",
        kind=kind,
        agent=agent.slug,
        text=text,
        timeout_seconds=agent.approval_timeout_seconds,
        on_timeout=agent.approval_on_timeout,
        call=call,
    )
    return Record(event=asked)


def _settled(run: Run, approval: Approval, refusal: str) -> list[Effect] | None:
    """None for yes, nothing while it is waited for; a no ends the root with its task, and a delegate with a report."""
    if approval.decision != "reject":
        return None if approval.decision == "approve" else []
    told = _told(refusal, approval)
    return [failed(REJECTED, told) if run.id == e.ROOT else report(run, told, is_error=True)]


def _refused(run: Run, tool: OpenTool, told: str) -> Effect:
    """A call that was never made, and what its model reads."""
    returned = e.ToolReturned(
        run=run.id,
        step=run.step,
        call_id=tool.call.id,
        tool=tool.call.name,
        output=told,
        is_error=True,
        is_refused=True,
    )
    return Record(event=returned)


def _told(refusal: str, approval: Approval) -> str:
    return f"{refusal}: {approval.comment}" if approval.comment else f"{refusal}."
