"""A task's progress on standard error, and its text on standard output, while it runs."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from agentplatform_client._retries import Retry
from agentplatform_client.cli.output import one_line, write
from agentplatform_client.events import (
    ApprovalRequested,
    DelegateDelta,
    DelegateFinished,
    DelegateStarted,
    Event,
    StepRestarted,
    StepStarted,
    TaskEnded,
    TaskStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
)
from agentplatform_client.models import Task

LONG_PAUSE_SECONDS = 3.0
SHOWN_CHARACTERS = 60


class Progress:
    """Shows events as they come. `has_lines`: a line for each; a spinner turns wherever standard error is a terminal."""

    def __init__(self, *, has_lines: bool, has_text: bool, is_quiet: bool) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._has_lines = has_lines and not is_quiet
        self._has_text = has_text
        self._is_quiet = is_quiet
        self._spinner: Status | None = None
        self._is_mid_line = False
        self._written: dict[str, str] = {}

    @property
    def turns(self) -> bool:
        """Whether a spinner says what goes on: somebody looks at a terminal."""
        return self._console.is_terminal and not self._is_quiet

    def __enter__(self) -> Self:
        self.waits("waiting for the task to start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case TextDelta():
                self._text(event.text)
            case TaskStarted():
                self._line(f"task {event.task_id} runs ({event.agent})", "dim")
                self.waits("running")
            case StepRestarted():
                self._new_text(event)
                self._line(f"step {event.step} of {event.agent} is made again; its text so far is void", "yellow")
                self.waits(f"{event.agent} thinks")
            case StepStarted():
                self._new_text(event)
                self._line(f"step {event.step} of {event.agent}: {event.purpose}", "dim")
                self.waits(f"{event.agent} thinks")
            case ToolCalled():
                self._line(f"{event.agent} calls {event.tool} {one_line(event.arguments)}", "cyan")
                self.waits(f"{event.tool} works")
            case ToolReturned():
                word = "failed" if event.is_error else "returned"
                self._line(f"{event.tool} {word} {one_line(event.output)}", "red" if event.is_error else "cyan")
            case DelegateStarted():
                self._line(f"{event.agent} asks {event.delegate}: {one_line(event.task)}", "magenta")
                self.waits(f"{event.delegate} works")
            case DelegateDelta():
                written = self._written.get(event.run, "") + event.text
                self._written[event.run] = written[-SHOWN_CHARACTERS:]
                self.waits(f"{event.agent} writes: {' '.join(self._written[event.run].split())}")
            case DelegateFinished():
                self._written.pop(event.child, None)
                word = "failed" if event.is_error else "answered"
                self._line(f"{event.delegate} {word}: {one_line(event.output)}", "red" if event.is_error else "magenta")
            case ApprovalRequested():
                about = (
                    f"call {event.tool} {event.arguments or ''}" if event.tool else f"go on with: {event.text or ''}"
                )
                self.says(f"{event.agent} asks whether it may {one_line(about)}", "bold yellow")
                self.says(
                    f"answer with: agentctl approve {event.task_id} {event.approval_id} [--reject]", "bold yellow"
                )
                self.waits("waiting for approval")
            case TaskEnded():
                self._end_line()
                self.stop()
                self._line(summary(event.task), "green" if event.task.is_completed else "red")

    def retries(self, retry: Retry) -> None:
        """Say that something is tried again: at the first failure in a row, and where it takes long."""
        if not self._is_quiet and (retry.attempt == 1 or retry.seconds >= LONG_PAUSE_SECONDS):
            when = "at once" if retry.seconds < 0.05 else f"in {retry.seconds:.1f} s"
            self.says(f"{one_line(retry.reason)} Trying again {when}.", "yellow")

    def says(self, line: str, style: str = "") -> None:
        """A line that is shown however little is asked for."""
        self._break()
        self._console.print(Text(f"· {one_line(line, 1000)}", style=style))

    def waits(self, what: str) -> None:
        """Have the spinner say what is waited for."""
        if not self.turns or self._is_mid_line:
            return
        if self._spinner is None:
            self._spinner = self._console.status(Text(f"{one_line(what)} …"))
            self._spinner.start()
        else:
            self._spinner.update(Text(f"{one_line(what)} …"))

    def stop(self) -> None:
        """Leave the terminal as it was, at the beginning of a line."""
        self._break()
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def _text(self, text: str) -> None:
        if not self._has_text or not text:
            self.waits("writing")
            return
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None
        write(text)
        self._is_mid_line = not text.endswith("\n")

    def _line(self, line: str, style: str) -> None:
        if self._has_lines:
            self.says(line, style)

    def _new_text(self, event: Event) -> None:
        """The next text does not go on with the last one."""
        if event.run == "0":
            self._end_line()

    def _break(self) -> None:
        """Keep a line about the task apart from a line of its text, where both stand on one terminal."""
        if self._console.is_terminal and sys.stdout.isatty():
            self._end_line()

    def _end_line(self) -> None:
        """End a line of text that is under way: what follows is not its continuation."""
        if self._is_mid_line:
            self._is_mid_line = False
            write("\n")


def summary(task: Task) -> str:
    """How a task ended, and what it used."""
    facts = [task.status if task.exit_reason in (None, task.status) else f"{task.status} ({task.exit_reason})"]
    if task.execution_time_seconds is not None:
        facts.append(f"{task.execution_time_seconds:.1f} s")
    if task.cached:
        facts.append("from the cache")
    facts.append(f"{task.usage.input_tokens} tokens in, {task.usage.output_tokens} out")
    facts.append(f"${task.cost_usd:f}")
    return f"task {task.task_id} {', '.join(facts)}"


def is_terminal() -> bool:
    """Whether standard error is a person's."""
    return sys.stderr.isatty()
