"""Functions of code agents as they run for one task: what they ask becomes events, and what became of it is handed to them.

After an interruption a function is run from its beginning. Its calls are numbered in the order in which it makes them; those that
the journal knows get their results from there, in the order in which they came, so the function is where it was. A function
that makes other calls then is ended.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from agentplatform.logs import log
from agents.code.contexts import BlockingContext, Context, Facts
from agents.code.declaring import CodeAgent, registered
from agents.code.errors import AgentError, CallFailed, Diverged, InvalidOutput, ModelFailed
from agents.code.threads import in_own_thread
from agents.code.values import clean, kept
from agents.engine import events as e
from agents.engine.script import Asked, Heard, Kind, Script
from agents.engine.state import Run, State
from agents.streaming import Delta, hub

MAX_ASKS = 1000
MAX_SAID = 256 * 1024
MAX_MESSAGE = 2000


class Sessions:
    """The functions that run for a task, by run."""

    def __init__(self, task_id: UUID, *, is_live: bool) -> None:
        self.task_id = task_id
        self.is_live = is_live
        self._sessions: dict[str, Session] = {}

    async def next_event(self, run_id: str, state: State) -> e.Event:
        """What the run's function asks, says or returns next; it is begun where it does not run yet."""
        if (session := self._sessions.get(run_id)) is None:
            run = state.runs[run_id]
            code = registered().get(run.agent)
            if code is None:
                message = f"The code of the agent {run.agent} is not part of this installation any more."
                return e.CodeFailed(run=run_id, reason="tool_failed", message=message)
            session = self._sessions[run_id] = Session(self, code, state, run)
            session.begin()
        return await session.events.get()

    def follow(self, state: State) -> None:
        """Hand the functions what has become of their calls."""
        for run_id, session in self._sessions.items():
            session.follow(state.runs[run_id].script, state.runs[run_id].step)

    def begin_to_tell(self, seq: int) -> None:
        """Stream what the root's function says, as text of the journal's event of this number."""
        if root := self._sessions.get(e.ROOT):
            root.begin_to_tell(seq)

    def close(self) -> None:
        """End all functions: the task has ended, or goes on elsewhere."""
        for session in self._sessions.values():
            session.close()
        self._sessions = {}


class Session:
    """One function at work for one run."""

    def __init__(self, sessions: Sessions, code: CodeAgent, state: State, run: Run) -> None:
        self.sessions = sessions
        self.code = code
        self.run_id, self.task = run.id, run.task
        self.delegates = state.team[run.agent].delegates
        self.is_withheld = state.team[run.agent].approval == "result"
        self.tells_late = state.tells_late(state.team[run.agent])
        self.events: asyncio.Queue[e.Event] = asyncio.Queue()
        self._facts = _facts(sessions.task_id, state, run)
        self._script: Script = run.script
        self._known = sum(isinstance(each, Asked) for each in run.script)
        self._step = run.step
        self._place = 0
        self._asked = 0
        self._open: dict[int, asyncio.Future[Heard]] = {}
        self._is_over = False
        self._said: list[str] = []
        self._passage: list[str] | None = None
        self._passage_seq = 0
        self._told = 0
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Run the function, apart from whoever waits for its events."""
        self._work = asyncio.create_task(self._run(), name=f"code-{self.code.slug}")

    def close(self) -> None:
        """Stop the function at its next await; a thread, at its next call."""
        self._is_over = True
        if self._work:
            self._work.cancel()
        for known in self._open.values():
            known.cancel()

    def follow(self, script: Script, step: int) -> None:
        """Take note of what the journal has of this run by now."""
        self._script, self._step = script, step
        self._hand_over()

    async def ask(self, kind: Kind, what: Mapping[str, Any]) -> Heard:
        """Make the function's next call, and wait for what becomes of it."""
        return await self._next_call(kind, what)[1]

    def begin_step(self, name: str) -> "Step":
        """The function's next call, where that is a step of its own."""
        number, known = self._next_call("step", {"name": name})
        is_known = any(isinstance(each, Heard) and each.number == number for each in self._script)
        return Step(self, name, number, known, is_known)

    def say(self, text: str) -> None:
        """Keep what the function says, and stream it where that can be followed."""
        text = clean(text)
        self._said.append(text)
        if sum(map(len, self._said)) > MAX_SAID:
            raise AgentError(f"The agent's code says more than {MAX_SAID // 1024} KiB.")
        is_told = not (self.is_withheld or self.tells_late)
        is_followed = self.run_id == e.ROOT and self.sessions.is_live and is_told
        if self._is_over or self._open or not text or not is_followed:
            return
        if self._passage is None:
            self._passage, self._passage_seq, self._told = [], 0, 0
            self.emit(e.CodeSpoke(run=self.run_id, step=self._step + 1))
        self._passage.append(text)
        self._tell()

    def begin_to_tell(self, seq: int) -> None:
        """The passage stands in the journal under this number, so its text may go out."""
        if self._passage is not None:
            self._passage_seq = seq
            self._tell()

    def _tell(self) -> None:
        if self._passage and self._passage_seq:
            fresh = "".join(self._passage)[self._told :]
            hub().tell(self.sessions.task_id, Delta(self._passage_seq, self._told, fresh), is_shared=True)
            self._told += len(fresh)

    def _next_call(self, kind: Kind, what: Mapping[str, Any]) -> "tuple[int, asyncio.Future[Heard]]":
        if self._is_over:
            raise asyncio.CancelledError
        what = kept(what, f"What the agent's code asks a {kind}")
        self._asked += 1
        number, self._passage = self._asked, None
        if number > MAX_ASKS:
            raise AgentError(f"The agent's code makes more than {MAX_ASKS} calls.")
        known = self._open[number] = asyncio.get_running_loop().create_future()
        before = next((each for each in self._script if isinstance(each, Asked) and each.number == number), None)
        if before is None:
            self.emit(e.CodeAsked(run=self.run_id, number=number, kind=kind, what=what))
        elif (before.kind, before.what) != (kind, what):
            was, now = _words(before), _words(Asked(number, kind, what))
            changed = f"is {now} now" if now != was else "has another content now"
            # Told at once: the function may catch whatever is raised.
            diverged = Diverged(f"its call {number} was {was}, and {changed}")
            self._failed(diverged)
            self._is_over = True
            raise diverged
        self._hand_over()
        return number, known

    def _hand_over(self) -> None:
        """Resolve what is known, in the order of the journal, as far as the function has come."""
        while self._place < len(self._script):
            each = self._script[self._place]
            if isinstance(each, Asked):
                if each.number > self._asked:
                    return
            elif (known := self._open.pop(each.number, None)) and not known.done():
                known.set_result(each)
            self._place += 1

    async def _run(self) -> None:
        try:
            result = await self._called()
            if self._asked < self._known:
                raise Diverged(f"it made {self._known} calls, and {self._asked} now")
            self._return("".join(self._said) if result is None else kept(result, "What the agent's code returned"))
        except asyncio.CancelledError:
            if self._is_over:
                raise
            self._fail("tool_failed", "The agent's code failed.")
        except BaseException as error:  # noqa: BLE001  # even SystemExit: a function may end its task, not the process
            self._failed(error)

    async def _called(self) -> Any:
        if self.code.is_async:
            return await self.code.function(self.task, Context(self._facts, self))
        context = BlockingContext(self._facts, self, asyncio.get_running_loop())
        return await in_own_thread(partial(self.code.function, self.task, context), f"code-{self.code.slug}")

    def _return(self, result: Any) -> None:
        if result == "" and not self._said:
            raise AgentError("The agent's code returned nothing.")
        said = "".join(self._passage or ())
        continues = bool(said) and isinstance(result, str) and result.startswith(said)
        step = self._step if continues else self._step + 1
        self.emit(
            e.CodeReturned(run=self.run_id, step=step, result=result, continues=continues, is_withheld=self.is_withheld)
        )

    def _failed(self, error: BaseException) -> None:
        match error:
            case Diverged():
                log(__name__).error(
                    "agent_code_diverged", agent=self.code.slug, task_id=str(self.sessions.task_id), how=str(error)
                )
                message = f"After an interruption the code of {self.code.slug} went another way: {error}. "
                self._fail("tool_failed", f"{message}Code has to make the same calls for the same task.")
            case ModelFailed():
                self._fail("model_failed", str(error))
            case InvalidOutput():
                self._fail("output_invalid", str(error))
            case AgentError() | CallFailed():
                self._fail("tool_failed", str(error))
            case _:
                log(__name__).error(
                    "agent_code_failed", agent=self.code.slug, task_id=str(self.sessions.task_id), exc_info=error
                )
                self._fail("tool_failed", "The agent's code failed.")

    def _fail(self, reason: str, message: str) -> None:
        message = clean(message)[:MAX_MESSAGE]
        self.emit(e.CodeFailed(run=self.run_id, reason=reason, message=message))

    def emit(self, event: e.Event) -> None:
        """Have an event journalled, while anybody listens."""
        if not self._is_over:
            self.events.put_nowait(event)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the function's own. Where its result is known, it is not made again."""

    session: Session
    name: str
    number: int
    heard: "asyncio.Future[Heard]"
    is_known: bool

    def end(self, result: object) -> None:
        """Keep its result. Raises AgentError for what is no JSON."""
        output = kept(result, f"The result of the step {self.name}")
        self.session.emit(e.CodeAnswered(run=self.session.run_id, number=self.number, output=output))

    def fail(self, error: Exception) -> None:
        """Keep that it failed, and how: an error's own words may hold anything, so they go into the log alone."""
        log(__name__).warning("agent_code_step_failed", agent=self.session.code.slug, step=self.name, exc_info=error)
        is_told = isinstance(error, AgentError)
        message = str(error) if is_told else f"The step {self.name} failed ({type(error).__name__})."
        output = clean(message)[:MAX_MESSAGE]
        self.session.emit(e.CodeAnswered(run=self.session.run_id, number=self.number, output=output, is_error=True))


def _facts(task_id: UUID, state: State, run: Run) -> Facts:
    is_root = run.id == e.ROOT
    return Facts(
        task_id=str(task_id),
        agent=run.agent,
        input=state.input.context if is_root else {},
        history=tuple({"role": each.role, "content": each.content} for each in state.history.messages)
        if is_root
        else (),
        output_schema=state.schema_of(run),
    )


def _words(asked: Asked) -> str:
    match asked.kind:
        case "tool":
            return f"the tool {asked.what['tool']}"
        case "delegate":
            return f"the agent {asked.what['agent']}"
        case "step":
            return f"the step {asked.what['name']}"
    return "the model"
