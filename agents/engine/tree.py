"""How far a task may branch: what its whole tree shares. Steps, time and cost are shared too, and checked in `decide`."""

from collections.abc import Iterable
from dataclasses import dataclass

from agents.engine.effects import Effect, Record
from agents.engine.events import DelegateStarted, Purpose
from agents.engine.referrals import Referral, referrals_of
from agents.engine.state import Run, State
from agents.engine.types import MAX_FUNCTIONS, Function

MAX_DEPTH = 3
MAX_CHILDREN = 8
MAX_RUNS = 32
MAX_HAND_OVERS = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task for another agent; `call_id` names the call that asked for it, if one did."""

    agent: str
    task: str
    call_id: str = ""


def offered(state: State, run: Run) -> tuple[Function, ...]:
    """What the run's model may call now: tools, and the agents that it may ask or hand over to, whose names go first."""
    agent = state.team[run.agent]
    referrals = referrals_of(agent, state.team)
    others = [each.function for each in referrals.values() if not refusal(state, run, each)]
    tools = [function for function in agent.functions if function.name not in referrals]
    return (*tools[: MAX_FUNCTIONS - len(others)], *others)


def refusal(state: State, run: Run, referral: Referral) -> str:
    """Why the run may not call another agent, in words for its model; empty when it may."""
    if referral.agent == run.agent or referral.agent in above(state, run):
        return f"{referral.agent} cannot be called here: it waits for this answer itself. Do it yourself."
    if referral.kind == "hand_over":
        has_moved = run.hand_overs >= MAX_HAND_OVERS
        return f"This conversation was handed over {MAX_HAND_OVERS} times already. Go on yourself." if has_moved else ""
    if depth(run) >= MAX_DEPTH:
        return f"The task is divided {MAX_DEPTH} levels deep already. Do it yourself."
    if len(state.children(run)) >= MAX_CHILDREN:
        return f"{MAX_CHILDREN} tasks were given to other agents already, which is all. Go on with what they said."
    if len(state.runs) >= MAX_RUNS:
        return f"{MAX_RUNS} agents have worked on this task already, which is all. Do it yourself."
    return ""


def fitting(state: State, run: Run) -> tuple[str, ...]:
    """The delegates that a router may choose from."""
    if run.hand_overs >= MAX_HAND_OVERS:
        return ()
    waiting = {run.agent, *above(state, run)}
    return tuple(slug for slug in state.team[run.agent].delegates if slug not in waiting and slug in state.team)


def depth(run: Run) -> int:
    """How many agents wait for the run's answer; 0 for the root."""
    return run.id.count(".")


def above(state: State, run: Run) -> set[str]:
    """The agents that wait for the run's answer."""
    steps = run.id.split(".")
    return {state.runs[".".join(steps[:length])].agent for length in range(1, len(steps))}


def room(state: State, run: Run) -> int:
    """How many more tasks the run may give to others."""
    if depth(run) >= MAX_DEPTH:
        return 0
    return max(0, min(MAX_CHILDREN - len(state.children(run)), MAX_RUNS - len(state.runs)))


def starts(state: State, run: Run, purpose: Purpose, wanted: Iterable[Wanted]) -> list[Effect]:
    """Have tasks done by other agents, side by side; as many of them as there is room for."""
    first = len(state.children(run)) + 1
    numbered = zip(range(first, first + room(state, run)), wanted, strict=False)
    return [
        Record(
            event=DelegateStarted(
                run=run.id,
                child=f"{run.id}.{number}",
                agent=each.agent,
                task=each.task,
                purpose=purpose,
                call_id=each.call_id,
            )
        )
        for number, each in numbered
    ]


def within_breadth(state: State, effects: Iterable[Effect]) -> list[Effect]:
    """The effects without the delegates for whom there is no room, when several runs want some at once.

    They are decided upon anew, when there is none left.
    """
    left, kept = MAX_RUNS - len(state.runs), []
    for effect in effects:
        if isinstance(effect, Record) and isinstance(effect.event, DelegateStarted):
            left -= 1
            if left < 0:
                continue
        kept.append(effect)
    return kept
