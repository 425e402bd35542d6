"""How a run ends: the root with the task, a delegate with a report to the run that waits for it."""

from agents.engine import events as e
from agents.engine.effects import Record
from agents.engine.state import Run

UNANSWERED = "(This part could not be answered.)"


def ended(status: str, reason: str, *, result: object = None, message: str = "", guard_rule: str = "") -> Record:
    """The task's end."""
    return Record(
        event=e.TaskEnded(status=status, exit_reason=reason, result=result, message=message, guard_rule=guard_rule)
    )


def failed(reason: str, message: str, *, guard_rule: str = "") -> Record:
    """The task's end without a result; the message is for the client."""
    return ended("failed", reason, message=message, guard_rule=guard_rule)


def held_back(guard_rule: str) -> Record:
    """The end of a task whose result the output guard does not let out."""
    return failed("guardrail_blocked", f"The result was held back ({guard_rule}).", guard_rule=guard_rule)


def report(run: Run, output: str, *, is_error: bool = False) -> Record:
    """A delegate's end."""
    finished = e.DelegateFinished(run=run.parent, child=run.id, agent=run.agent, output=output, is_error=is_error)
    return Record(event=finished)


def give_up(run: Run, reason: str, message: str) -> Record:
    """A delegate that fails says so and leaves its part open; the root that fails ends the task."""
    if run.id == e.ROOT:
        return failed(reason, message)
    told = f"{run.agent} could not do it. {message}" if run.purpose == "ask" else UNANSWERED
    return report(run, told, is_error=True)
