"""Reads some of the demo's journals as the platform does, and compares what they fold to with the tasks' rows."""

from collections.abc import Iterator
from dataclasses import dataclass

from agents import journal
from agents.demo.owners import all_clients
from agents.demo.stage import Stage
from agents.engine import events as e
from agents.engine.state import fold
from agents.lifecycle import Ending
from agents.models import Task

SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Checked:
    """How many tasks were compared, and a sentence for each that differs."""

    tasks: int
    found: list[str]


def differences() -> Checked:
    """Compare a sample, spread over all that have a journal."""
    mine = Task.objects.filter(client__in=all_clients(), journal_pruned_at=None).order_by("-created_at", "-id")
    stage = Stage.now()
    ids = list(mine.values_list("pk", flat=True)[:5000])
    chosen = list(Task.objects.filter(pk__in=ids[:: max(1, len(ids) // SAMPLE)]))
    return Checked(len(chosen), [told for task in chosen for told in _of(stage, task)])


def _of(stage: Stage, task: Task) -> Iterator[str]:
    numbered = journal.events(task.pk)
    if [seq for seq, _ in numbered] != list(range(1, task.last_seq + 1)):
        yield f"The journal of {task.pk} has gaps."
        return
    opening = numbered[0][1]
    if not isinstance(opening, e.TaskAccepted):
        yield f"The journal of {task.pk} does not begin with its acceptance."
        return
    state = fold([event for _, event in numbered], stage.team(opening.agent))
    if state.ended is None:
        if task.status != Task.Status.AWAITING_APPROVAL or not state.waits_for_people:
            yield f"Task {task.pk} is {task.status}, and by its journal it has not ended."
        return
    for name, value in Ending.of(state).columns.items():
        if getattr(task, name) != value:
            yield f"{name} of {task.pk} is {getattr(task, name)!r}, and by its journal {value!r}."
