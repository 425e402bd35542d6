"""The one loop that runs a task: perform the engine's effects, journal what happened, decide again.

Runs in the request, streamed and in the background are this same loop with different listeners.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from uuid import UUID

from agentplatform import metrics
from agentplatform.database import in_database
from agentplatform.logs import log
from agents import journal, leases, llm
from agents.engine import events as e
from agents.engine.budget import cost
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside, Record
from agents.engine.state import State, evolve
from agents.models import Task
from agents.streaming import Appended, Delta, hub
from agents.tools import registry


class Execution:
    """One attempt at a task, from a state to its end.

    Events that happened are folded at once and saved with the next announcement or the end, so a task of one model call
    costs two writes: what will be called stands in the journal before it is called.
    """

    def __init__(
        self, task_id: UUID, state: State, *, is_live: bool, seconds_left: float, pending: Iterable[e.Event]
    ) -> None:
        self.task_id = task_id
        self.state = state
        self.is_live = is_live
        self.deadline = time.monotonic() + seconds_left
        self.token = 0
        self.pending: list[e.Event] = []
        self._fresh: list[Outside] = []
        self._under_way: dict[tuple[str, ...], asyncio.Task[e.Event]] = {}
        self._call_seqs: dict[str, int] = {}
        self._interrupt = asyncio.Event()
        self._is_lost = False
        for event in pending:
            self._note(event)

    def open(self) -> None:
        """Decide the first effects, so that their announcements can be saved together with the task itself."""
        while not self.state.ended:
            effects = decide(self.state, is_past_deadline=time.monotonic() >= self.deadline)
            records = [effect.event for effect in effects if isinstance(effect, Record)]
            if not records:
                outside = [effect for effect in effects if not isinstance(effect, Record)]
                self._announce(effect for effect in outside if effect.key not in self._under_way)
                return
            for event in records:
                self._note(event)

    def saved(self, last_seq: int) -> None:
        """Take note that the pending events are in the journal, the last under this number, and tell the followers."""
        first = last_seq - len(self.pending) + 1
        numbered = tuple(enumerate(self.pending, first))
        for seq, event in numbered:
            if isinstance(event, e.ModelCalled):
                self._call_seqs[event.run] = seq
        self.pending = []
        if numbered:
            hub().tell(self.task_id, Appended(last_seq, numbered), is_shared=self.is_live)

    async def drive(self, token: int) -> Task:
        """Run to the end and return the ended task. Raises LeaseLost when another process has taken over."""
        self.token = token
        with leases.hold(self.task_id, token, on_cancel=self._cancelled, on_lost=self._lost):
            try:
                while True:
                    if not self._fresh:
                        self.open()
                    if self.state.ended:
                        break
                    if self.pending:
                        await self._save()
                    self._start()
                    await self._next()
            finally:
                self._stop()
            await self._save()
        return await in_database(journal.load, self.task_id)

    def finish(self, ended: e.TaskEnded) -> None:
        """End the task without another effect: its answer came from elsewhere."""
        self._fresh = []
        self._note(ended)

    def _note(self, event: e.Event) -> None:
        self.state = evolve(self.state, event)
        self.pending.append(event)

    def _announce(self, effects: Iterable[Outside]) -> None:
        for effect in effects:
            self._fresh.append(effect)
            if isinstance(effect, CallModel):
                called = e.ModelCalled(
                    run=effect.run, step=effect.step, purpose=effect.purpose, model=effect.model.name
                )
                self._note(called)
            else:
                self._note(e.ToolCalled(run=effect.run, step=effect.step, call=effect.call))

    async def _save(self) -> None:
        ending = journal.Ending.of(self.state) if self.state.ended else None
        self.saved(await in_database(journal.append, self.task_id, self.token, self.pending, ending))

    def _start(self) -> None:
        for effect in self._fresh:
            work = self._call_model(effect) if isinstance(effect, CallModel) else self._call_tool(effect)
            self._under_way[effect.key] = asyncio.create_task(work)
        self._fresh = []

    async def _next(self) -> None:
        """Wait until an effect is done, someone interrupts, or the time is up."""
        interrupted = asyncio.create_task(self._interrupt.wait())
        seconds_left = max(0.0, self.deadline - time.monotonic())
        waited_for = {*self._under_way.values(), interrupted}
        try:
            done, _ = await asyncio.wait(waited_for, timeout=seconds_left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            interrupted.cancel()
        if self._is_lost:
            raise journal.LeaseLost
        for key, task in list(self._under_way.items()):
            if task in done:
                del self._under_way[key]
                self._note(task.result())

    def _stop(self) -> None:
        for task in self._under_way.values():
            task.cancel()

    def _cancelled(self) -> None:
        # Whoever asked has journalled it already; here it is only folded.
        self.state = evolve(self.state, e.CancelRequested(by="client"))
        self._interrupt.set()

    def _lost(self) -> None:
        self._is_lost = True
        self._interrupt.set()

    async def _call_model(self, effect: CallModel) -> e.Event:
        if (wait_seconds := effect.wait_seconds + random.uniform(0, effect.jitter_seconds)) > 0:  # noqa: S311  # no secret
            await asyncio.sleep(wait_seconds)
        try:
            reply = await llm.call(effect, on_text=self._teller(effect) if self.is_live else None)
        except llm.ModelError as error:
            return self._model_failed(effect, error)
        model, price = effect.model.name, cost(effect.model.price, reply.usage)
        metrics.tokens_total.labels(model, "input").inc(reply.usage.input_tokens)
        metrics.tokens_total.labels(model, "output").inc(reply.usage.output_tokens)
        metrics.cost_usd_total.labels(model).inc(float(price))
        return e.ModelAnswered(
            run=effect.run,
            step=effect.step,
            purpose=effect.purpose,
            model=reply.model,
            text=reply.text,
            tool_calls=reply.tool_calls,
            usage=reply.usage,
            cost_usd=price,
        )

    def _model_failed(self, effect: CallModel, error: llm.ModelError) -> e.ModelFailed:
        """The failure as a fact. To wait longer than the task has time would be in vain, so that counts as not retryable."""
        model, message = effect.model.name, str(error)
        metrics.model_failures_total.labels(model).inc()
        log(__name__).warning("model_call_failed", task_id=str(self.task_id), model=model, error=message)
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
        )

    def _teller(self, effect: CallModel) -> llm.OnText:
        """What hands the root's text to the followers as it comes; delegates' text is told when it is whole."""
        offset = 0
        call_seq = self._call_seqs[effect.run]

        def tell(text: str) -> None:
            nonlocal offset
            if effect.run == e.ROOT:
                hub().tell(self.task_id, Delta(call_seq, offset, text), is_shared=True)
            offset += len(text)

        return tell

    async def _call_tool(self, effect: CallTool) -> e.Event:
        call = effect.call
        agent = self.state.team[self.state.runs[effect.run].agent]
        if call.name in agent.tools:
            outcome = await registry.call(call.name, call.arguments)
        else:
            allowed = ", ".join(agent.tools) or "none"
            outcome = registry.Outcome(
                f"There is no tool named {call.name!r} here; there are: {allowed}.", is_error=True
            )
        return e.ToolReturned(
            run=effect.run,
            step=effect.step,
            call_id=call.id,
            tool=call.name,
            output=outcome.output,
            is_error=outcome.is_error,
        )
