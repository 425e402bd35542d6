"""What happens to a task, as its stream tells it: `match event: case TextDelta(): …`."""

from typing import Any

from agentplatform_client.models import Model, Task


class Event(Model):
    """The base of all events; itself an event of a kind that this version does not know.

    `id` is its place in the stream, `name` the server's word for it. `run`, `step` and `agent` say whose it is: run `0` is the
    agent that was asked for, `0.1` and `0.2` are those it asked, `0.1.1` is one that `0.1` asked.
    """

    id: str = ""
    name: str = ""
    task_id: str = ""
    run: str = "0"
    step: int = 0
    agent: str = ""


class TaskStarted(Event):
    """The task runs."""


class StepStarted(Event):
    """The agent asks its model; `purpose` says what for."""

    purpose: str = ""


class StepRestarted(StepStarted):
    """The step is made again. Its text so far is void."""


class TextDelta(Event):
    """A piece of the text."""

    text: str


class ToolCalled(Event):
    """A tool is called. `arguments` are the model's own words, which should be JSON."""

    tool: str = ""
    call_id: str = ""
    arguments: str = ""


class ToolReturned(Event):
    """A tool has answered, or failed (`is_error`)."""

    tool: str = ""
    call_id: str = ""
    output: Any = None
    is_error: bool = False


class DelegateStarted(Event):
    """The agent has another one, `delegate`, do a part, in the run `child`."""

    delegate: str = ""
    child: str = ""
    task: str = ""
    purpose: str = ""


class DelegateDelta(Event):
    """A piece of what another agent writes, as it comes and never again; the whole is the output of DelegateFinished."""

    text: str


class DelegateFinished(Event):
    """The other agent is done with its part."""

    delegate: str = ""
    child: str = ""
    output: Any = None
    is_error: bool = False


class ApprovalRequested(Event):
    """The task waits for a person: may it call this `tool` with these `arguments`, or go on with this `text`?"""

    approval_id: str = ""
    kind: str = ""
    tool: str | None = None
    call_id: str | None = None
    arguments: str | None = None
    text: str | None = None
    timeout_seconds: float | None = None
    on_timeout: str | None = None


class TaskEnded(Event):
    """The last event: the task has ended, with or without a result."""

    task: Task


KINDS: dict[str, type[Event]] = {
    "task.started": TaskStarted,
    "step.started": StepStarted,
    "step.restarted": StepRestarted,
    "text.delta": TextDelta,
    "tool.called": ToolCalled,
    "tool.returned": ToolReturned,
    "delegate.started": DelegateStarted,
    "delegate.delta": DelegateDelta,
    "delegate.finished": DelegateFinished,
    "approval.requested": ApprovalRequested,
    "task.completed": TaskEnded,
    "task.failed": TaskEnded,
    "task.cancelled": TaskEnded,
}
