"""Replaying ended tasks, and forking them: a new task that begins with another's journal up to a step, and goes on anew.

What the journal's models and tools answered is taken over and costs nothing; only what comes after the step is called. The
fork belongs to the console's own client. To be run through `in_database`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.audit import Actor
from accounts.console_client import console_client
from agentplatform import tracing
from agents import content, journal, lifecycle, publishing
from agents.engine import events as e
from agents.engine.replay import Replay, StepMissing, replayed, until_step
from agents.engine.state import evolve, start
from agents.engine.types import Usage
from agents.models import AgentVersion, Task
from agents.teams import specs_of

# What happened to the process that ran the first task, or around it, and is no part of what the fork goes on from.
LEFT_OUT = (
    e.AttemptStarted, e.AttemptLost, e.AttemptHandedOver, e.CancelRequested, e.ModelFailed, e.ModelAbandoned,
)  # fmt: skip


class CannotReplay(ValueError):
    """The task has nothing to run again; the message says why."""


@dataclass(frozen=True, slots=True)
class Story:
    """A task's whole journal, and whose it is."""

    task: Task
    events: list[tuple[int, e.Event]]
    opening: e.TaskAccepted


def story_of(task_id: UUID) -> Story:
    """The task's journal. Raises Task.DoesNotExist, or CannotReplay when it is no longer kept or the task has not ended."""
    task = journal.load(task_id)
    if task.journal_pruned_at:
        raise CannotReplay(f"The journal of task {task_id} was dropped on {task.journal_pruned_at:%Y-%m-%d}.")
    if not task.is_final:
        raise CannotReplay(f"Task {task_id} is {task.status}; a task can be replayed when it has ended.")
    events = journal.events(task_id)
    opening = events[0][1] if events else None
    if not isinstance(opening, e.TaskAccepted):
        raise CannotReplay(f"Task {task_id} has no journal.")
    return Story(task, events, opening)


def replay(story: Story) -> Replay:
    """Run the task again from its journal; nothing is called, written or paid."""
    return replayed(story.events, specs_of(story.opening.team))


def agents_by_step(story: Story) -> dict[int, AgentVersion]:
    """The steps at which the task can be forked, each with the version of the agent that the root is then."""
    state, agents = start(story.opening, specs_of(story.opening.team)), dict[int, str]()
    for _, event in story.events[1:]:
        if isinstance(event, e.ModelCalled) and event.run == e.ROOT:
            agents.setdefault(event.step, state.root.agent)
        state = evolve(state, event)
    team = story.opening.team
    versions = AgentVersion.objects.select_related("agent").in_bulk({team[slug] for slug in agents.values()})
    return {step: versions[team[slug]] for step, slug in agents.items()}


def agent_at(story: Story, step: int) -> AgentVersion:
    """The version of the agent that the root is at this step. Raises StepMissing."""
    agents = agents_by_step(story)
    if step not in agents:
        raise StepMissing(step, tuple(agents))
    return agents[step]


@transaction.atomic
def fork(story: Story, step: int, *, instructions: str, actor: Actor) -> Task:
    """Begin a new task that goes on from this step; other instructions become a new draft of the agent's.

    It is queued for a worker, like any background task. Raises StepMissing, or ValidationError for such instructions.
    """
    version = agent_at(story, step)
    if instructions != version.instructions:
        version = publishing.new_draft(version.agent, content.of(version) | {"instructions": instructions}, actor=actor)
        if faults := publishing.faults(version):
            raise ValidationError(faults)
    before = [event for _, event in until_step(story.events, step)]
    opening = replace(
        story.opening, team={**story.opening.team, version.agent.slug: version.pk}, cache_key="", cache_seconds=0,
        may_read_cache=False, traceparent=tracing.traceparent(),
    )  # fmt: skip
    task_id = uuid7()
    row = {
        "id": task_id,
        "client_id": console_client().pk,
        "agent_type": story.task.agent_type,
        "agent_version_id": opening.team[opening.agent],
        "mode": Task.Mode.BACKGROUND,
        "timeout_seconds": opening.limits.timeout_seconds,
        "metadata": story.task.metadata,
        "forked_from_id": story.task.pk,
        "forked_step": step,
    }
    lifecycle.adopt(row, [opening, *_taken_over(before[1:])])
    return journal.load(task_id)


def _taken_over(events: Iterable[e.Event]) -> Iterator[e.Event]:
    """The events as the fork's own, at no cost: they are paid already. A call that failed before its answer is left out."""
    called: dict[str, e.ModelCalled] = {}
    for event in events:
        match event:
            case e.ModelCalled():
                called[event.run] = replace(event, reserved_usd=Decimal(0))
            case e.ModelAnswered():
                if event.run in called:
                    yield called.pop(event.run)
                yield replace(event, usage=Usage(), cost_usd=Decimal(0), reserved_usd=Decimal(0))
            case _ if not isinstance(event, LEFT_OUT):
                yield event
