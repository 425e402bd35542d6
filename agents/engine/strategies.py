"""What an agent of each strategy does next: answer, plan, route, or have its text reviewed."""

import json
from collections.abc import Callable

from agents.engine import approvals, tree
from agents.engine import events as e
from agents.engine.calls import model_call
from agents.engine.effects import Effect, Record
from agents.engine.endings import ended, give_up, held_back, report
from agents.engine.output import NotValid, chosen_agent, planned_questions, satisfying
from agents.engine.prompts import to_review
from agents.engine.state import Run, State
from agents.engine.types import Strategy

MAX_REPAIRS = 2
MAX_REVIEWS = 2


def next_of_strategy(state: State, run: Run) -> list[Effect]:
    """The next effects of a run that waits for no call of its model's."""
    return STRATEGIES[_strategy(state, run)](state, run)


def _strategy(state: State, run: Run) -> Strategy:
    """The agent's own, but far down the tree, or below itself, an agent answers: else it could divide its task for ever."""
    is_bound = run.purpose == "review" or tree.depth(run) >= tree.MAX_DEPTH or run.agent in tree.above(state, run)
    return "answer" if is_bound else state.team[run.agent].strategy


def _answer(state: State, run: Run) -> list[Effect]:
    if run.answer is None or run.answer.tool_calls:
        return [model_call(state, run, "review" if run.purpose == "review" else "answer")]
    return _finish(state, run, run.answer.text)


def _plan(state: State, run: Run) -> list[Effect]:
    """Ask for sub-questions, have them answered side by side, write up. A plan nobody can use is answered directly."""
    if run.answer is None:
        return [model_call(state, run, "plan")]
    if run.answer.purpose != "plan":
        return _answer(state, run)
    parts = state.children(run, "part")[run.earlier_parts :]
    helper = _helper(state, run)
    missing = [tree.Wanted(helper, question) for question in planned_questions(run.answer.text)[len(parts) :]]
    if starts := tree.starts(state, run, "part", missing):
        return starts
    return [] if not all(part.is_done for part in parts) else [model_call(state, run, "write" if parts else "answer")]


def _route(state: State, run: Run) -> list[Effect]:
    """Ask which agent fits and go on as that one. A choice nobody can use is answered directly."""
    fitting = tree.fitting(state, run)
    if run.answer is None and fitting:
        return [model_call(state, run, "route")]
    if run.answer is None or run.answer.purpose != "route":
        return _answer(state, run)
    if choice := chosen_agent(run.answer.text, fitting):
        return [Record(event=e.HandedOver(run=run.id, agent=choice))]
    return [model_call(state, run, "answer")]


def _review(state: State, run: Run) -> list[Effect]:
    """Write, have a critic read it, revise, a few times at most. A critique nobody can use approves."""
    purpose = "revise" if run.reviews else "answer"
    if run.answer is None or run.answer.tool_calls:
        return [model_call(state, run, purpose)]
    if not all(critic.is_done for critic in state.children(run, "review")):
        return []
    if run.turns[-1].role == "user":
        return [model_call(state, run, purpose)]
    if run.is_approved or run.reviews >= MAX_REVIEWS or run.answer.purpose == "repair":
        return _finish(state, run, run.answer.text)
    text = tree.Wanted(_helper(state, run), to_review(state, run))
    return tree.starts(state, run, "review", [text]) or _finish(state, run, run.answer.text)


STRATEGIES: dict[Strategy, Callable[[State, Run], list[Effect]]] = {
    "answer": _answer,
    "plan": _plan,
    "route": _route,
    "review": _review,
}


def _helper(state: State, run: Run) -> str:
    """Who answers a plan's parts, or criticises a text: the first delegate, or the agent itself where it has none."""
    first = state.team[run.agent].delegates[:1]
    return run.agent if not first or first[0] in tree.above(state, run) else first[0]


def _finish(state: State, run: Run, text: str) -> list[Effect]:
    if run.answer and run.answer.is_blocked:
        return [held_back(run.answer.guard_rule)]
    schema = state.schema_of(run)
    try:
        result = text if schema is None else satisfying(text, schema)
    except NotValid as fault:
        if run.repairs < MAX_REPAIRS:
            return [model_call(state, run, "repair", str(fault))]
        return [give_up(run, "output_invalid", f"The result does not satisfy output_schema: {fault}")]
    told = text if schema is None else json.dumps(result, ensure_ascii=False)
    if (asking := approvals.of_result(state, run, told)) is not None:
        return asking
    if run.id == e.ROOT:
        return [ended("completed", "completed", result=result, guard_rule=run.answer.guard_rule if run.answer else "")]
    return [report(run, told)]
