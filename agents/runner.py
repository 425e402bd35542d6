"""The one loop that runs a task: perform the engine's effects, journal what happened, decide again.

Runs in the request, streamed and in the background are this same loop with different listeners.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from agentplatform import metrics
from agentplatform.database import in_database
from agentplatform.errors import BudgetExceeded, Unavailable
from agentplatform.logs import log
from agents import draining, guarding, journal, leases, lifecycle, llm, masking, teams, traces
from agents.code.sessions import Sessions
from agents.engine import events as e
from agents.engine.budget import abandoned, cost, worst_case
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Performed, Record, RunCode
from agents.engine.state import State, evolve
from agents.engine.tree import offered
from agents.lifecycle_together import End, Ended, ends
from agents.metering import Meter
from agents.models import Task
from agents.streaming import Appended, Aside, Delta, hub
from agents.tools import registry
from agents.tools.tool import CallContext

# As long as the lease may still be ours.
PATIENCE_SECONDS = lifecycle.LEASE.total_seconds()
PAUSE_SECONDS = 0.5
QUIET_SECONDS = 0.2
T = TypeVar("T")


class Execution:
    """One attempt at a task, from a state to its end.

    Events that happened are folded at once and saved with the next announcement or the end, so a task of one model call
    costs two writes: what will be called stands in the journal before it is called.
    """

    def __init__(
        self,
        task_id: UUID,
        state: State,
        *,
        is_live: bool,
        seconds_left: float,
        pending: Iterable[e.Event],
        last_seq: int = 0,
    ) -> None:
        self.task_id = task_id
        self.state = state
        self.meter = Meter(task_id)
        self.is_live = is_live
        self.deadline = time.monotonic() + seconds_left
        self.token = 0
        self.client_id = UUID(int=0)
        self.trail: traces.Trail | None = None
        self.pending: list[e.Event] = []
        self._last_seq = last_seq
        self._fresh: list[Performed] = []
        self._under_way: dict[tuple[str, ...], asyncio.Task[e.Event]] = {}
        self._unsafe: set[tuple[str, ...]] = set()
        self._sent: set[tuple[str, ...]] = set()
        self._call_seqs: dict[str, int] = {}
        self._code = Sessions(task_id, is_live=is_live)
        self._interrupt = asyncio.Event()
        self._is_lost = False
        self._has_answers = False
        self._is_draining = False
        for event in pending:
            self._note(event)

    def open(self) -> None:
        """Decide the first effects, so that their announcements can be saved together with the task itself."""
        self.state = replace(self.state, team=teams.as_of_now(self.state.team))
        self._announce(effect for effect in self._settle() if effect.key not in self._under_way)

    def saved(self, last_seq: int) -> None:
        """Take note that the pending events are in the journal, the last under this number, and tell the followers."""
        first = last_seq - len(self.pending) + 1
        numbered, spoken = tuple(enumerate(self.pending, first)), 0
        for seq, event in numbered:
            if isinstance(event, e.ModelCalled):
                self._call_seqs[event.run] = seq
            elif isinstance(event, e.CodeSpoke):
                spoken = seq
        self.pending, self._last_seq = [], last_seq
        if numbered:
            hub().tell(self.task_id, Appended(last_seq, numbered), is_shared=self.is_live)
        if spoken:
            self._code.begin_to_tell(spoken)

    async def drive(self, task: Task, meter: Meter) -> Task:
        """Run to the end and return the ended task; or as it is when it waits for people, or this process has to stop.

        `task` is the row as this attempt has it, and `meter` takes what the run uses from its client's limits. Raises LeaseLost
        when another process has taken over.
        """
        self.token, self.client_id, self.meter = task.lease_token, task.client_id, meter
        with (
            leases.hold(
                self.task_id, self.token, on_cancel=self._cancelled, on_lost=self._lost, on_answers=self._answered
            ),
            draining.heard(self._drain),
        ):
            try:
                leave = await self._work()
            finally:
                self._stop()
            if self.state.ended and leave is lifecycle.append:
                return await self._ended(task)
            self.saved(await self._written(leave))
        return await in_database(journal.load, self.task_id)

    async def _work(self) -> Callable[..., int]:
        """Go on as far as it goes here; returns the move that is to be written then."""
        while not self.state.ended:
            if self._is_draining:
                await self._end_steps()
                self._settle()
                if self.state.ended:
                    break
                self._note(e.AttemptHandedOver(attempt=self.state.attempt))
                return lifecycle.hand_over
            if self._has_answers:
                await self._hear()
            if not self._fresh:
                await teams.refresh(self.state.team)
                self.open()
            if self.state.ended:
                break
            if not self._fresh and not self._under_way:
                return lifecycle.suspend
            try:
                if self.pending:
                    self.saved(await self._written(lifecycle.append))
            except BudgetExceeded as refusal:
                await self._refused(refusal)
                continue
            self._start()
            if not self._waits_in_code():
                await self._next()
            elif await self._is_quiet():
                return lifecycle.suspend
        return lifecycle.append

    def _waits_in_code(self) -> bool:
        """Whether nothing is under way but functions, while something is for a person to settle: they may wait for that."""
        return self.state.waits_for_people and all(kind == "code" for kind, *_ in self._under_way)

    async def _is_quiet(self) -> bool:
        """Whether nothing happens for a moment."""
        noted = len(self.pending)
        await self._next(until=time.monotonic() + QUIET_SECONDS)
        return len(self.pending) == noted and not self._interrupt.is_set() and time.monotonic() < self.deadline

    async def _refused(self, refusal: BudgetExceeded) -> None:
        """The calls that were to begin are not made; those under way may end, so that what they cost is known."""
        for effect in self._fresh:
            if isinstance(effect, CallModel) and (call := self.state.runs[effect.run].open_call):
                self._note(abandoned(call, is_sent=False))
        self._fresh = []
        await self._end_steps()
        if not self.state.is_cancel_requested:
            self.finish(e.TaskEnded(status="failed", exit_reason="budget_exceeded", message=refusal.detail))

    def finish(self, ended: e.TaskEnded) -> None:
        """End the task without another effect: its answer came from elsewhere."""
        self._fresh = []
        self._note(ended)

    def _settle(self) -> list[Performed]:
        """Note what follows from the state alone, until only calls are left; gives those."""
        while not self.state.ended:
            effects = decide(self.state, is_past_deadline=time.monotonic() >= self.deadline)
            records = [effect.event for effect in effects if isinstance(effect, Record)]
            if not records:
                return [effect for effect in effects if not isinstance(effect, Record)]
            for event in records:
                self._note(event)
        return []

    def _note(self, event: e.Event) -> None:
        if isinstance(event, e.TaskEnded | e.AttemptHandedOver):
            for call in self.state.open_calls:
                given_up = abandoned(call, is_sent=("model", call.run) in self._sent)
                metrics.cost_usd_total.labels(call.model).inc(float(given_up.cost_usd))
                self._note(given_up)
        self.state = evolve(self.state, event)
        self.pending.append(event)
        if self.trail is not None:
            self.trail.follow(event)
        self._code.follow(self.state)

    def _announce(self, effects: Iterable[Performed]) -> None:
        for effect in effects:
            self._fresh.append(effect)
            if isinstance(effect, CallModel):
                self._sent.discard(effect.key)
                self._note(_called(effect))
            elif isinstance(effect, CallTool):
                kind = registry.effect_of(effect.call.name) if self._is_allowed(effect) else "pure"
                if kind == "unsafe":
                    self._unsafe.add(effect.key)
                self._note(e.ToolCalled(run=effect.run, step=effect.step, call=effect.call, effect=kind))

    async def _written(self, move: Callable[..., int]) -> int:
        """Write the pending events, with the move; gives the number of the last.

        What models said is not thrown away because PostgreSQL restarts: the write is tried again for a while. Whether a try
        that broke off was committed is seen in the journal.
        """
        ending = (lifecycle.Ending.of(self.state),) if self.state.ended else ()
        by = lifecycle.Holder(self.task_id, self.token, self._last_seq, answers=self.state.answers)

        async def write(is_repeated: bool) -> int:
            return await in_database(move, replace(by, is_repeated=is_repeated), self.pending, *ending)

        return await _patiently(write)

    async def _ended(self, task: Task) -> Task:
        """Write the end, together with those of other tasks; gives the task as it is then."""
        by = lifecycle.Holder(self.task_id, self.token, self._last_seq, answers=self.state.answers)
        end = End(by, tuple(self.pending), lifecycle.Ending.of(self.state))

        async def write(is_repeated: bool) -> Ended:
            return await ends.write(replace(end, by=replace(by, is_repeated=is_repeated)))

        written = await _patiently(write)
        self.saved(written.last_seq)
        if not written.columns or not isinstance(task.started_at, datetime):
            return await in_database(journal.load, self.task_id)
        for name, value in written.columns.items():
            setattr(task, name, value)
        return task

    def _start(self) -> None:
        for effect in self._fresh:
            self._under_way[effect.key] = asyncio.create_task(self._perform(effect))
        self._fresh = []

    async def _perform(self, effect: Performed) -> e.Event:
        match effect:
            case CallModel():
                if (wait_seconds := effect.wait_seconds + random.uniform(0, effect.jitter_seconds)) > 0:  # noqa: S311  # no secret
                    await asyncio.sleep(wait_seconds)
                work = self._call_model(effect)
                return await (work if self.trail is None else self.trail.around(effect, work))
            case CallTool():
                work = self._call_tool(effect)
                return await (work if self.trail is None else self.trail.around(effect, work))
            case RunCode():
                event = await self._code.next_event(effect.run, self.state)
                return await self._read_result(event) if isinstance(event, e.CodeReturned) else event

    async def _end_steps(self) -> None:
        """Let what is under way end, for a few seconds; a call that may not be made twice, for as long as it takes."""
        patience = time.monotonic() + draining.STEP_SECONDS
        while not (self._is_lost or self.state.is_cancel_requested or time.monotonic() >= self.deadline):
            self._interrupt.clear()
            is_patient = time.monotonic() < patience
            # A function begins anew elsewhere, so nobody waits for it.
            steps = [key for key in self._under_way if key[0] != "code"]
            if not any(is_patient or key in self._unsafe for key in steps):
                return
            await self._next(until=patience if is_patient else self.deadline)

    async def _next(self, until: float | None = None) -> None:
        """Wait until an effect is done, someone interrupts, or the time is up."""
        interrupted = asyncio.create_task(self._interrupt.wait())
        seconds_left = max(0.0, min(self.deadline, until or self.deadline) - time.monotonic())
        waited_for = {*self._under_way.values(), interrupted}
        try:
            done, _ = await asyncio.wait(waited_for, timeout=seconds_left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            interrupted.cancel()
        if self._is_lost:
            raise lifecycle.LeaseLost
        for key, task in list(self._under_way.items()):
            if task in done:
                del self._under_way[key]
                self._note(task.result())

    def _stop(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        self._code.close()

    def _cancelled(self) -> None:
        # Whoever asked has journalled it already; here it is only folded.
        self.state = evolve(self.state, e.CancelRequested(by="client"))
        self._interrupt.set()

    def _answered(self, answers: int) -> None:
        if answers > self.state.answers:
            self._has_answers = True
            self._interrupt.set()

    async def _hear(self) -> None:
        """Take in what people answered meanwhile; it stands in the journal already, and here it is only folded."""
        self._has_answers = False
        if not (self._is_lost or self._is_draining or self.state.is_cancel_requested):
            self._interrupt.clear()

        async def read(_: bool) -> list[e.ApprovalAnswered]:
            return await in_database(journal.answers, self.task_id)

        for event in await _patiently(read):
            if not self.state.approvals[event.approval_id].decision:
                self.state = evolve(self.state, event)

    def _lost(self) -> None:
        self._is_lost = True
        self._interrupt.set()

    def _drain(self) -> None:
        self._is_draining = True
        self._interrupt.set()

    async def _call_model(self, effect: CallModel) -> e.Event:
        try:
            charge = await self.meter.reserve(effect)
            self._sent.add(effect.key)
            reply = await llm.call(effect, on_text=self._teller(effect) if self.is_live else None)
        except llm.ModelError as error:
            return self._model_failed(effect, error)
        if self.trail is not None:
            self.trail.replied(effect, reply)
        await self.meter.settle(charge, reply.usage)
        model, price = effect.model.name, cost(effect.model.price, reply.usage)
        metrics.tokens_total.labels(model, "input").inc(reply.usage.input_tokens)
        metrics.tokens_total.labels(model, "output").inc(reply.usage.output_tokens)
        metrics.cost_usd_total.labels(model).inc(float(price))
        text = masking.text(reply.text, self.state.masking)
        rule, is_blocked = await guarding.read_answer(self.state, self.state.runs[effect.run], text)
        return e.ModelAnswered(
            run=effect.run,
            step=effect.step,
            purpose=effect.purpose,
            model=reply.model,
            text=text,
            tool_calls=masking.calls(reply.tool_calls, self.state.masking),
            usage=reply.usage,
            cost_usd=price,
            reserved_usd=worst_case(effect),
            guard_rule=rule,
            is_blocked=is_blocked,
        )

    async def _read_result(self, event: e.CodeReturned) -> e.CodeReturned:
        event = masking.of_result(event, self.state.masking)
        rule, is_blocked = await guarding.read_answer(self.state, self.state.runs[event.run], event.result)
        return replace(event, guard_rule=rule, is_blocked=is_blocked)

    def _model_failed(self, effect: CallModel, error: llm.ModelError) -> e.ModelFailed:
        """The failure as a fact. To wait longer than the task has time would be in vain, so that counts as not retryable."""
        model, message = effect.model.name, str(error)
        metrics.model_failures_total.labels(model).inc()
        log(__name__).warning("model_call_failed", task_id=str(self.task_id), model=model, error=message)
        price = worst_case(effect) if error.usage is None else cost(effect.model.price, error.usage)
        metrics.cost_usd_total.labels(model).inc(float(price))
        is_too_late = (error.retry_after_seconds or 0.0) >= self.deadline - time.monotonic()
        if error.is_retryable and is_too_late:
            message = f"{message} It asks to wait longer than the task has time."
        return e.ModelFailed(
            run=effect.run,
            step=effect.step,
            purpose=effect.purpose,
            message=message,
            is_retryable=error.is_retryable and not is_too_late,
            model=model,
            retry_after_seconds=error.retry_after_seconds,
            cost_usd=price,
            reserved_usd=worst_case(effect),
            was_asked=not isinstance(error, llm.NotAsked),
        )

    def _teller(self, effect: CallModel) -> llm.OnText:
        """What hands the text to the followers as it comes: the root's, and beside it what delegates write."""
        if _is_withheld(effect) or self.state.tells_late(effect.agent):
            return lambda _: None
        offset = 0
        call_seq = self._call_seqs[effect.run]

        def tell(text: str) -> None:
            nonlocal offset
            if effect.run != e.ROOT:
                hub().tell(self.task_id, Aside(effect.run, call_seq, offset, text), is_shared=True)
            # What a function asks a model is no part of its result.
            elif effect.purpose != "code":
                hub().tell(self.task_id, Delta(call_seq, offset, text), is_shared=True)
            offset += len(text)

        return tell

    async def _call_tool(self, effect: CallTool) -> e.Event:
        call = effect.call
        if not self._is_allowed(effect):
            there_are = offered(self.state, self.state.runs[effect.run])
            allowed = ", ".join(function.name for function in there_are) or "none"
            outcome = registry.Outcome(
                f"There is no tool named {call.name!r} here; there are: {allowed}.", is_error=True
            )
        else:
            if effect.key in self._unsafe:
                await self._make_sure()
            outcome = await registry.call(call.name, call.arguments, context=self._context_of(effect))
        if outcome.is_unknown:
            return e.OutcomeUnknown(run=effect.run, step=effect.step, call=call)
        returned = e.ToolReturned(
            run=effect.run,
            step=effect.step,
            call_id=call.id,
            tool=call.name,
            output=masking.text(outcome.output, self.state.masking),
            is_error=outcome.is_error,
        )
        return await guarding.read_result(returned, self.state.guard_mode_of(self.state.runs[effect.run]))

    async def _make_sure(self) -> None:
        """Go on only while nobody can have taken the task over, however long this process was frozen. Raises LeaseLost."""

        async def ask(_: bool) -> float:
            asked_at = time.monotonic()
            return asked_at + await in_database(lifecycle.lease_seconds_left, self.task_id, self.token)

        if time.monotonic() >= await _patiently(ask):
            raise lifecycle.LeaseLost

    def _is_allowed(self, effect: CallTool) -> bool:
        agent = self.state.team[self.state.runs[effect.run].agent]
        return any(function.name == effect.call.name for function in agent.functions)

    def _context_of(self, effect: CallTool) -> CallContext:
        return CallContext(
            task_id=self.task_id,
            client_id=self.client_id,
            agent=self.state.runs[effect.run].agent,
            run=effect.run,
            idempotency_key=f"{self.task_id}:{effect.run}:{effect.step}:{effect.call.id}",
        )


def _called(effect: CallModel) -> e.ModelCalled:
    return e.ModelCalled(
        run=effect.run,
        step=effect.step,
        purpose=effect.purpose,
        model=effect.model.name,
        reserved_usd=worst_case(effect),
        is_withheld=_is_withheld(effect),
    )


def _is_withheld(effect: CallModel) -> bool:
    """Whether the text may turn out to be a result that a person has to agree to before anybody reads it."""
    return effect.agent.approval == "result"


async def _patiently(attempt: Callable[[bool], Awaitable[T]]) -> T:
    """Try until PostgreSQL answers, for as long as a lease lasts; `attempt` hears whether it is repeated. Raises Unavailable."""
    began, is_repeated = time.monotonic(), False
    while True:
        try:
            return await attempt(is_repeated)
        except Unavailable:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise
            if not is_repeated:
                log(__name__).warning("agent_task_write_postponed", reason="database unreachable")
        is_repeated = True
        await asyncio.sleep(random.uniform(0.5, 1) * PAUSE_SECONDS)  # noqa: S311  # only spreads the tries
