"""`decide`: what to do next, from the state alone. Every cap is checked here, before anything is done."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agents.engine import events as e
from agents.engine.budget import MILLION, fits, most_tokens
from agents.engine.effects import CallModel, CallTool, Effect, Record
from agents.engine.history import LEAST_TOKENS, NOTHING, cut, summary_bytes
from agents.engine.output import NotValid, chosen_agent, planned_questions, satisfying
from agents.engine.prompts import messages
from agents.engine.state import PRELIMINARY, OpenTool, Run, State, evolve, start
from agents.engine.types import AgentSpec, unpriced

MAX_TOOL_FAILURES = 3
MAX_REPAIRS = 2
MAX_DEPTH = 3


def decide(state: State, *, is_past_deadline: bool = False) -> list[Effect]:
    """Everything that should be under way or recorded now. Asked again, it answers the same until an event changes the state."""
    if state.ended:
        return []
    if state.is_cancel_requested:
        return [_end("cancelled", "cancelled")]
    if is_past_deadline:
        return [_failed("timed_out", f"The task ran longer than its {state.limits.timeout_seconds} s.")]
    effects = [effect for run in state.runs.values() if not run.is_done for effect in _next(state, run)]
    calls = [effect for effect in effects if isinstance(effect, CallModel)]
    if state.model_calls + len(calls) > state.limits.max_steps:
        return [_failed("max_steps", f"The task needs more than its {state.limits.max_steps} model calls.")]
    if model := next((call.model.name for call in calls if not call.model.price.is_known), None):
        return [_failed("budget_exceeded", unpriced(model))]
    if not fits(calls, state.cost_usd, state.limits.max_cost_usd):
        limit = f"max_cost_usd of {state.limits.max_cost_usd}"
        return [_failed("budget_exceeded", f"The next model call could take the task past its {limit}.")]
    ended = [effect for effect in effects if isinstance(effect, Record) and isinstance(effect.event, e.TaskEnded)]
    return list(ended[:1] or effects)


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
    if run.id == e.ROOT and (fitting := _fit_history(state, run)):
        return fitting
    if run.tries.are_used_up(state.team[run.agent]):
        return [_give_up(run, "model_failed", state.model_failure)]
    if run.failed_tools >= MAX_TOOL_FAILURES:
        return [_give_up(run, "tool_failed", f"{MAX_TOOL_FAILURES} tool calls in a row failed.")]
    if run.open_tools:
        return [_use(state, run, tool) for tool in run.open_tools if not tool.is_unknown]
    return STRATEGIES[_strategy(state, run)](state, run)


def _fit_history(state: State, run: Run) -> list[Effect]:
    """What comes before a task's first step: earlier turns that do not fit are summarised, or left out where that fails."""
    history, agent = state.history, state.team[run.agent]
    if history.leaving:
        until = history.leaving[-1].number
        if run.answer is not None:
            summary = cut(run.answer.text, summary_bytes(_room(state, run)))
            return [Record(event=e.ConversationSummarised(until=until, summary=summary))]
        if run.tries.are_used_up(agent) or not _can_summarise(state, run):
            return [Record(event=e.ConversationSummarised(until=until, summary=""))]
        return [_call(state, run, "summarise")]
    if history == NOTHING or run.answer is not None or run.turns or run.tries.are_used_up(agent):
        return []
    until_now = history.until(room := _room(state, run))
    if until_now is None:
        return []
    return [Record(event=e.ConversationTrimmed(until=until_now, summary_bytes=summary_bytes(room)))]


def _room(state: State, run: Run) -> int:
    """The tokens that earlier turns may take: what the window leaves beside the call itself, for half the task's money."""
    agent = state.team[run.agent]
    by_window = agent.window_tokens - most_tokens(_call(replace(state, history=NOTHING), run, "answer"))
    if not agent.price.input_usd:
        return by_window if by_window >= LEAST_TOKENS else 0
    by_money = int(state.limits.max_cost_usd / 2 * MILLION / agent.price.input_usd)
    room = min(by_window, by_money)
    return room if room >= LEAST_TOKENS else 0


def _can_summarise(state: State, run: Run) -> bool:
    """Whether the task may make a call for that, and the answer's beside it."""
    room = _room(state, run)
    summarised = state.history.summarised_as("x" * summary_bytes(room), state.history.summarised)
    calls = [_call(state, run, "summarise"), _call(replace(state, history=summarised), run, "answer")]
    is_within_steps = state.model_calls + len(calls) <= state.limits.max_steps
    return room > 0 and is_within_steps and fits(calls, state.cost_usd, state.limits.max_cost_usd)


def _use(state: State, run: Run, tool: OpenTool) -> Effect:
    """Call a tool, again after a crash; one that may not begin twice is an operator's to settle then."""
    if tool.unsafe_since is not None and tool.unsafe_since != state.attempt:
        return Record(event=e.OutcomeUnknown(run=run.id, step=run.step, call=tool.call))
    return CallTool(run=run.id, step=run.step, call=tool.call)


def _strategy(state: State, run: Run) -> str:
    """The agent's own, but far down the tree, or below itself, an agent answers: else it could divide its task for ever."""
    steps = run.id.split(".")
    above = [state.runs[".".join(steps[:length])].agent for length in range(1, len(steps))]
    return "answer" if len(above) >= MAX_DEPTH or run.agent in above else state.team[run.agent].strategy


def _answer(state: State, run: Run) -> list[Effect]:
    if run.answer is None or run.answer.tool_calls:
        return [_call(state, run, "answer")]
    return [_finish(state, run, run.answer.text)]


def _plan(state: State, run: Run) -> list[Effect]:
    """Ask for sub-questions, have them answered side by side, write up. A plan nobody can use is answered directly."""
    if run.answer is None:
        return [_call(state, run, "plan")]
    if run.answer.purpose != "plan":
        return _answer(state, run)
    agent, children = state.team[run.agent], run.children or {}
    helper = agent.delegates[0] if agent.delegates else run.agent
    questions = {f"{run.id}.{number}": task for number, task in enumerate(planned_questions(run.answer.text), 1)}
    if not questions:
        return [_call(state, run, "answer")]
    if missing := questions.keys() - children.keys():
        return [
            Record(event=e.DelegateStarted(run=run.id, child=child, agent=helper, task=questions[child]))
            for child in sorted(missing)
        ]
    return [] if None in children.values() else [_call(state, run, "write")]


def _route(state: State, run: Run) -> list[Effect]:
    """Ask which agent fits and go on as that one. A choice nobody can use is answered directly."""
    if run.answer is None and state.team[run.agent].delegates:
        return [_call(state, run, "route")]
    if run.answer is None or run.answer.purpose != "route":
        return _answer(state, run)
    if choice := chosen_agent(run.answer.text, state.team[run.agent].delegates):
        return [Record(event=e.HandedOver(run=run.id, agent=choice))]
    return [_call(state, run, "answer")]


STRATEGIES: dict[str, Callable[[State, Run], list[Effect]]] = {
    "answer": _answer,
    "plan": _plan,
    "route": _route,
    "review": _answer,
}


def _call(state: State, run: Run, purpose: str, fault: str = "") -> CallModel:
    agent = state.team[run.agent]
    is_preliminary = purpose in PRELIMINARY
    made_again = run.is_open_step or purpose == "repair"
    return CallModel(
        run=run.id,
        step=run.step if made_again else run.step + 1,
        purpose=purpose,
        agent=agent,
        model=run.tries.model(agent),
        messages=messages(state, run, purpose, fault),
        functions=() if is_preliminary else agent.functions,
        max_output_tokens=state.limits.max_output_tokens,
        output_schema=state.input.output_schema if run.id == e.ROOT and not is_preliminary else None,
        wait_seconds=run.tries.retry_after_seconds,
        jitter_seconds=run.tries.jitter_seconds(agent),
    )


def _finish(state: State, run: Run, text: str) -> Effect:
    if run.id != e.ROOT:
        return _report(run, text)
    schema = state.input.output_schema
    if schema is None:
        return _end("completed", "completed", result=text)
    try:
        return _end("completed", "completed", result=satisfying(text, schema))
    except NotValid as fault:
        if run.repairs < MAX_REPAIRS:
            return _call(state, run, "repair", str(fault))
        return _failed("output_invalid", f"The result does not satisfy output_schema: {fault}")


def _give_up(run: Run, reason: str, message: str) -> Effect:
    """A delegate that fails leaves its part open; the root that fails ends the task."""
    if run.id != e.ROOT:
        return _report(run, "(This part could not be answered.)")
    return _failed(reason, message)


def _report(run: Run, output: str) -> Record:
    parent = run.id.rpartition(".")[0]
    return Record(event=e.DelegateFinished(run=parent, child=run.id, agent=run.agent, output=output))


def _failed(reason: str, message: str) -> Record:
    return _end("failed", reason, message=message)


def _end(status: str, reason: str, *, result: object = None, message: str = "") -> Record:
    return Record(event=e.TaskEnded(status=status, exit_reason=reason, result=result, message=message))
