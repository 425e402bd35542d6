"""Plays a task to where it ends or waits, as the runner would: the engine decides, a script is the world outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.engine import events as e
from agents.engine.approvals import unanswered
from agents.engine.budget import abandoned, worst_case
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside, Record
from agents.engine.state import OpenTool, State, evolve, start
from agents.engine.types import AgentSpec

MOST_LINES = 500
PICKED_UP_AFTER = 0.4
"""Seconds until a worker has a task that was queued."""
TAKEN_OVER_AFTER = 27.0
"""Seconds until the sweeper sees that a process went away."""
MOST_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Said:
    """A person's word, and after how many seconds it came. `decision` is of an approval, or of an unknown outcome."""

    seconds: float
    decision: str
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """What the world outside does. `answers` gives the seconds that a call takes and the event that ends it.

    `people` say these things, one after the other; when all is said, the task waits. `loses_after`: the seconds after which the
    process of each of the first attempts goes away; `loses_in`: the tool in whose call it does. `cancelled_after`: when the
    client cancels.
    """

    answers: Callable[[State, Outside], tuple[float, e.Event]]
    people: tuple[Said, ...] = ()
    loses_after: tuple[float, ...] = ()
    loses_in: str = ""
    cancelled_after: float | None = None


@dataclass
class Scene:
    """A task on its way: its lines, each with its seconds after acceptance, and the columns that only time tells."""

    lines: list[tuple[float, e.Event]]
    state: State
    now: float = 0.0
    started: float | None = None
    attempt_started: float | None = None
    ran: float = 0.0
    attempts: int = 0
    losses: int = 0
    lease_token: int = 0
    completed: float | None = None
    cancel_requested: float | None = None
    heard: int = 0
    _due: dict[tuple[str, ...], tuple[float, e.Event]] = field(default_factory=dict)

    @classmethod
    def open(cls, accepted: e.TaskAccepted, team: Mapping[str, AgentSpec], *noted: e.Event) -> "Scene":
        """The task as it is accepted."""
        scene = cls([(0.0, accepted)], start(accepted, team))
        for event in noted:
            scene.note(event)
        return scene

    def note(self, event: e.Event) -> None:
        """Add a line, at this moment."""
        if len(self.lines) > MOST_LINES:
            raise RuntimeError("The story does not end.")
        if isinstance(event, e.TaskEnded | e.AttemptLost):
            for call in self.state.open_calls:
                self.note(abandoned(call, is_sent=True))
        self.lines.append((self.now, event))
        self.state = evolve(self.state, event)

    def begin(self, *read: e.Event, is_claimed: bool = True) -> None:
        """Begin an attempt, which reads the conversation first where there is one."""
        self.attempts += 1
        self.lease_token += is_claimed
        self.started = self.now if self.started is None else self.started
        self.attempt_started = self.now
        self.note(e.AttemptStarted(attempt=self.attempts))
        for event in read:
            self.note(event)

    def play(self, script: Script) -> "Scene":
        """Go on until the task has ended, or waits for somebody who does not come."""
        while not self.state.ended:
            self._settle(script)
            if self.state.ended:
                break
            if self._due:
                self._next(script)
            elif self.heard < len(script.people):
                self._hear(script.people[self.heard])
            else:
                self._lay_aside()
                return self
        return self.end()

    def end(self) -> "Scene":
        """With the columns of an end at this moment."""
        self.completed = self.now
        if self.attempt_started is not None:
            self.ran += self.now - self.attempt_started
        return self

    def _settle(self, script: Script) -> None:
        """Note what follows from the state alone, then begin the calls that are wanted."""
        while not self.state.ended:
            effects = decide(self.state)
            records = [effect.event for effect in effects if isinstance(effect, Record)]
            for event in records:
                self.note(event)
            if not records:
                for effect in effects:
                    if isinstance(effect, CallModel | CallTool) and effect.key not in self._due:
                        self._announce(effect, script)
                return

    def _announce(self, effect: Outside, script: Script) -> None:
        if isinstance(effect, CallModel):
            self.note(
                e.ModelCalled(
                    run=effect.run,
                    step=effect.step,
                    purpose=effect.purpose,
                    model=effect.model.name,
                    reserved_usd=worst_case(effect),
                    is_withheld=effect.agent.approval == "result",
                )
            )
        else:
            functions = self.state.team[self.state.runs[effect.run].agent].functions
            kind = next((each.effect for each in functions if each.name == effect.call.name), "pure")
            self.note(e.ToolCalled(run=effect.run, step=effect.step, call=effect.call, effect=kind))
        seconds, event = script.answers(self.state, effect)
        self._due[effect.key] = (self.now + seconds, event)

    def _next(self, script: Script) -> None:
        """What happens next: a call ends, the client cancels, the process goes away, or the time is over."""
        key = min(self._due, key=lambda each: self._due[each][0])
        at, event = self._due[key]
        began = self.attempt_started or 0.0
        is_lost = isinstance(event, e.ToolReturned) and event.tool == script.loses_in and not self.losses
        lost = script.loses_after[self.losses] + began if self.losses < len(script.loses_after) else None
        deadline = began + self.state.limits.timeout_seconds - self.ran
        if script.cancelled_after is not None and script.cancelled_after < at:
            self.now = self.cancel_requested = script.cancelled_after
            self.note(e.CancelRequested(by="client"))
        elif is_lost or (lost is not None and lost < at):
            self._lose(at if is_lost or lost is None else lost)
        elif deadline < at:
            self.now = deadline
            for effect in decide(self.state, is_past_deadline=True):
                if isinstance(effect, Record):
                    self.note(effect.event)
        else:
            self.now = at
            del self._due[key]
            self.note(event)

    def _lose(self, at: float) -> None:
        self.now, self._due = at + TAKEN_OVER_AFTER, {}
        if self.losses + 1 >= MOST_LOSSES:
            told = f"Its process went away {MOST_LOSSES} times."
            self.note(e.TaskEnded(status="failed", exit_reason="attempts_exhausted", message=told))
            return
        self.note(e.AttemptLost(attempt=self.attempts))
        self.losses += 1
        self._again()

    def _hear(self, said: Said) -> None:
        """Have a person settle the first thing that is open, after which the task is queued again or ends."""
        self.heard += 1
        self._lay_aside()
        self.now += said.seconds
        unknown = next(
            ((run.id, tool) for run in self.state.runs.values() for tool in run.open_tools if tool.is_unknown), None
        )
        if unknown:
            self._resolve(*unknown, said)
            return
        name, approval = next((name, asked) for name, asked in self.state.approvals.items() if not asked.decision)
        decision: e.Decision = "approve" if said.decision == "approve" else "reject"
        if said.decision == "expire":
            decision = "expire"
        self.note(
            e.ApprovalAnswered(run=approval.run, approval_id=name, decision=decision, by=said.by, comment=said.text)
        )
        if decision == "expire":
            self.note(unanswered(approval.timeout_seconds).event)
        else:
            self._again()

    def _resolve(self, run: str, tool: OpenTool, said: Said) -> None:
        self.note(e.OutcomeResolved(run=run, call_id=tool.call.id, decision=said.decision, by=said.by))
        if said.decision == "fail":
            told = f"It is not known whether the call of {tool.call.name} took effect, and an operator ended the task."
            self.note(e.TaskEnded(status="failed", exit_reason="tool_failed", message=told))
            return
        if said.decision == "done":
            step = self.state.runs[run].step
            self.note(e.ToolReturned(run=run, step=step, call_id=tool.call.id, tool=tool.call.name, output=said.text))
        self._again()

    def _lay_aside(self) -> None:
        if self.attempt_started is not None:
            self.ran += self.now - self.attempt_started
            self.attempt_started = None

    def _again(self) -> None:
        self._lay_aside()
        self.now += PICKED_UP_AFTER
        self.begin()
