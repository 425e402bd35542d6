"""What comes before a task's first step: earlier turns that do not fit are summarised, or left out where that fails."""

from dataclasses import replace

from agents.engine import events as e
from agents.engine.budget import MILLION, fits, most_tokens
from agents.engine.calls import model_call
from agents.engine.effects import Effect, Record
from agents.engine.history import LEAST_TOKENS, NOTHING, cut, summary_bytes
from agents.engine.state import Run, State


def fit_history(state: State, run: Run) -> list[Effect]:
    """What is to be done about earlier turns; nothing where they fit."""
    history, agent = state.history, state.team[run.agent]
    if history.leaving:
        until = history.leaving[-1].number
        if run.answer is not None:
            summary = cut(run.answer.text, summary_bytes(_room(state, run)))
            return [Record(event=e.ConversationSummarised(until=until, summary=summary))]
        if run.tries.are_used_up(agent) or not _can_summarise(state, run):
            return [Record(event=e.ConversationSummarised(until=until, summary=""))]
        return [model_call(state, run, "summarise")]
    if history == NOTHING or run.answer is not None or run.tries.are_used_up(agent):
        return []
    until_now = history.until(room := _room(state, run))
    if until_now is None:
        return []
    return [Record(event=e.ConversationTrimmed(until=until_now, summary_bytes=summary_bytes(room)))]


def _room(state: State, run: Run) -> int:
    """The tokens that earlier turns may take: what the window leaves beside the call itself, for half the task's money."""
    agent = state.team[run.agent]
    by_window = agent.window_tokens - most_tokens(model_call(replace(state, history=NOTHING), run, "answer"))
    if not agent.price.input_usd:
        return by_window if by_window >= LEAST_TOKENS else 0
    by_money = int(state.limits.max_cost_usd / 2 * MILLION / agent.price.input_usd)
    room = min(by_window, by_money)
    return room if room >= LEAST_TOKENS else 0


def _can_summarise(state: State, run: Run) -> bool:
    """Whether the task may make a call for that, and the answer's beside it."""
    room = _room(state, run)
    summarised = state.history.summarised_as("x" * summary_bytes(room), state.history.summarised)
    calls = [model_call(state, run, "summarise"), model_call(replace(state, history=summarised), run, "answer")]
    is_within_steps = state.model_calls + len(calls) <= state.limits.max_steps
    return room > 0 and is_within_steps and fits(calls, state.cost_usd, state.limits.max_cost_usd)
