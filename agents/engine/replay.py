"""Running a task again from its journal alone: what models and tools answered stands there, so nothing is called or paid.

The journal is folded event by event, and before each event that the engine decided upon, the engine of today is asked what
it would do in the same state. Where it would do something else, the replay says so and goes on with what was recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from agents.engine import events as e
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Effect, Record, RunCode
from agents.engine.state import State, evolve, start
from agents.engine.types import FREE, AgentSpec, Model

DECIDED = (
    e.DelegateStarted,
    e.DelegateFinished,
    e.HandedOver,
    e.ConversationTrimmed,
    e.OutcomeUnknown,
    e.ApprovalRequested,
)
# Ends that clocks, clients, budgets and operators bring about: no journal says that they had to come.
FROM_OUTSIDE = frozenset({"cancelled", "timed_out", "budget_exceeded", "attempts_exhausted", "guardrail_blocked"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Where today's engine would do something else than is recorded; each in a few words."""

    seq: int
    recorded: str
    now: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A journal run again: the state at its end, and where the engine of today differs."""

    state: State
    events: int
    answered: int
    differences: tuple[Difference, ...]


def replayed(journal: Iterable[tuple[int, e.Event]], team: Mapping[str, AgentSpec]) -> Replay:
    """Run a task again from its numbered journal, which begins with TaskAccepted, and the agents that it names."""
    numbered = list(journal)
    opening = numbered[0][1]
    if not isinstance(opening, e.TaskAccepted):
        raise TypeError("A journal begins with TaskAccepted.")
    state = start(opening, {slug: _free(spec) for slug, spec in team.items()})
    differences: list[Difference] = []
    planned: list[Effect] = []
    for seq, event in numbered[1:]:
        if _is_decided(event):
            # What was decided together is recorded one by one, without asking again in between.
            if not any(_leads_to(effect, event) for effect in planned):
                planned = decide(state)
            if not any(_leads_to(effect, event) for effect in planned):
                differences.append(Difference(seq, _words(event), "; ".join(map(_of, planned)) or "wait"))
        elif not isinstance(event, e.ToolReturned):
            planned = []
        state = evolve(state, event)
    answered = sum(isinstance(event, e.ModelAnswered | e.ToolReturned) for _, event in numbered)
    return Replay(state, len(numbered), answered, tuple(differences))


def _is_decided(event: e.Event) -> bool:
    if isinstance(event, e.TaskEnded):
        return not event.from_cache and event.exit_reason not in FROM_OUTSIDE
    return isinstance(event, (*DECIDED, e.ModelCalled, e.ToolCalled))


def _leads_to(effect: Effect, event: e.Event) -> bool:
    match effect, event:
        case CallModel(), e.ModelCalled():
            asked = (effect.run, effect.step, effect.purpose, effect.model.name)
            return asked == (event.run, event.step, event.purpose, event.model)
        case CallTool(), e.ToolCalled():
            return (effect.run, effect.call) == (event.run, event.call)
        case Record(), e.TaskEnded() if isinstance(effect.event, e.TaskEnded):
            return _are_alike(effect.event, event, "status", "exit_reason", "result")
        case Record(), e.ApprovalRequested() if isinstance(effect.event, e.ApprovalRequested):
            return _are_alike(effect.event, event, "run", "approval_id", "kind", "text", "call")
        case Record(), _:
            return effect.event == event
    return False


def _are_alike(one: e.Event, other: e.Event, *fields: str) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in fields)


def _of(effect: Effect) -> str:
    match effect:
        case CallModel():
            return f"call {effect.model.name} for run {effect.run}, step {effect.step} ({effect.purpose})"
        case CallTool():
            return f"call the tool {effect.call.name} for run {effect.run}"
        case RunCode():
            return f"have the code of run {effect.run} go on"
    return _words(effect.event)


def _words(event: e.Event) -> str:
    match event:
        case e.ModelCalled():
            return f"call {event.model} for run {event.run}, step {event.step} ({event.purpose})"
        case e.ToolCalled():
            return f"call the tool {event.call.name} for run {event.run}"
        case e.DelegateStarted():
            return f"have {event.agent} do run {event.child}"
        case e.DelegateFinished():
            return f"take the answer of run {event.child}"
        case e.ApprovalRequested():
            return f"ask a person about the {event.kind} of run {event.run}"
        case e.HandedOver():
            return f"hand run {event.run} over to {event.agent}"
        case e.TaskEnded():
            return f"end as {event.status} ({event.exit_reason})"
    return type(event).__name__


def _free(spec: AgentSpec) -> AgentSpec:
    """What models cost today is no reason to decide otherwise about what is paid already."""
    return replace(spec, price=FREE, fallbacks=tuple(Model(model.name, FREE) for model in spec.fallbacks))


def until_step(journal: Iterable[tuple[int, e.Event]], step: int) -> list[tuple[int, e.Event]]:
    """The journal before the root's model call of this step. Raises StepMissing, which names those that there are."""
    numbered = list(journal)
    steps: dict[int, int] = {}
    for index, (_, event) in enumerate(numbered):
        if isinstance(event, e.ModelCalled) and event.run == e.ROOT:
            steps.setdefault(event.step, index)
    if step not in steps:
        raise StepMissing(step, tuple(steps))
    return numbered[: steps[step]]


class StepMissing(ValueError):
    """The task has no such step."""

    def __init__(self, step: int, there_are: tuple[int, ...]) -> None:
        told = f"there are {', '.join(map(str, there_are))}" if there_are else "it made no model call"
        super().__init__(f"The task has no step {step}; {told}.")
