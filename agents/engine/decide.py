"""`decide`: what to do next, from the state alone. Every cap is checked here, before anything is done."""

from collections.abc import Mapping

from agents.engine import approvals, opinions, topics
from agents.engine import events as e
from agents.engine.budget import fits
from agents.engine.calling import open_calls
from agents.engine.code import is_code, next_of_code
from agents.engine.effects import CallModel, Effect, Record
from agents.engine.endings import ended, failed, give_up
from agents.engine.fitting import fit_history
from agents.engine.state import Run, State, evolve, start
from agents.engine.strategies import next_of_strategy
from agents.engine.tree import within_breadth
from agents.engine.types import AgentSpec, unpriced

MAX_TOOL_FAILURES = 3


def decide(state: State, *, is_past_deadline: bool = False) -> list[Effect]:
    """Everything that should be under way or recorded now. Asked again, it answers the same until an event changes the state."""
    if state.ended:
        return []
    if state.is_cancel_requested:
        return [ended("cancelled", "cancelled")]
    if expired := approvals.expired(state):
        return [expired]
    if is_past_deadline:
        return [failed("timed_out", f"The task ran longer than its {state.limits.timeout_seconds} s.")]
    wanted = [effect for run in state.runs.values() if not run.is_done for effect in _next(state, run)]
    effects = approvals.numbered(state, within_breadth(state, wanted))
    calls = [effect for effect in effects if isinstance(effect, CallModel)]
    if state.model_calls + len(calls) > state.limits.max_steps:
        return [failed("max_steps", f"The task needs more than its {state.limits.max_steps} model calls.")]
    if model := next((call.model.name for call in calls if not call.model.price.is_known), None):
        return [failed("budget_exceeded", unpriced(model))]
    if not fits(calls, state.cost_usd, state.limits.max_cost_usd):
        limit = f"max_cost_usd of {state.limits.max_cost_usd}"
        return [failed("budget_exceeded", f"The next model call could take the task past its {limit}.")]
    endings = [effect for effect in effects if isinstance(effect, Record) and isinstance(effect.event, e.TaskEnded)]
    return list(endings[:1] or effects)


def opening_state(accepted: e.TaskAccepted, team: Mapping[str, AgentSpec], *read: e.Event) -> State:
    """The state in which a task makes its first calls, or has ended without any; `read` is what it reads before."""
    state = start(accepted, team)
    for event in read:
        state = evolve(state, event)
    while records := [effect.event for effect in decide(state) if isinstance(effect, Record)]:
        for event in records:
            state = evolve(state, event)
    return state


def first_calls(accepted: e.TaskAccepted, team: Mapping[str, AgentSpec], *read: e.Event) -> list[CallModel]:
    """The model calls that a task begins with."""
    return [effect for effect in decide(opening_state(accepted, team, *read)) if isinstance(effect, CallModel)]


def _next(state: State, run: Run) -> list[Effect]:
    if (asking := approvals.of_start(state, run)) is not None:
        return asking
    if (asking := opinions.of_start(state, run)) is not None:
        return asking
    if is_code(state, run):
        return next_of_code(state, run)
    if run.id == e.ROOT and (preparing := fit_history(state, run)):
        return preparing
    if run.tries.are_used_up(state.team[run.agent]):
        return [give_up(run, "model_failed", state.model_failure)]
    if run.failed_tools >= MAX_TOOL_FAILURES:
        return [give_up(run, "tool_failed", f"{MAX_TOOL_FAILURES} tool calls in a row failed.")]
    if (asking := topics.of_start(state, run)) is not None:
        return asking
    if run.open_tools:
        return open_calls(state, run)
    return next_of_strategy(state, run)
