"""Running a planned task: kept for a worker, or here and now, with the response cache before and after."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from agentplatform import metrics
from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents import cache, draining, journal, lifecycle, outbox, traces
from agents.conversations import turns
from agents.engine import events as e
from agents.engine.state import State, evolve, fold, start
from agents.lifecycle_together import Acceptance, acceptances
from agents.metering import Meter
from agents.models import AgentVersion, Task
from agents.orders import Accepted, Mode, Order, Plan
from agents.runner import Execution
from agents.teams import specs_of

Status = Task.Status
T = TypeVar("T")


class Interrupted(Unavailable):
    """The database went away while an accepted task ran: the task is kept."""


_detached: set[asyncio.Task[Any]] = set()
_here: set[UUID] = set()


async def queue(plan: Plan) -> Accepted:
    """Keep the task for a worker; one that the cache answers is kept as completed."""
    if answer := await cache.found(plan.policy):
        return await _accept_answered(plan, answer)
    cache.count(plan.cache_result)
    task = await _accept(plan, plan.beginning, Status.QUEUED)
    if task.waits:
        await _interrupt_others(task)
    else:
        outbox.announce(task)
    return Accepted(task.pk, task, plan.cache_result)


async def run_here(plan: Plan) -> Accepted:
    """Run the task in this process, apart from the request: that may be cancelled, the task goes on."""
    accepted: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
    running = _detach(_run(plan, accepted))
    try:
        if plan.order.mode == Mode.SYNC:
            return await asyncio.shield(running)
        await asyncio.wait({accepted, running}, return_when=asyncio.FIRST_COMPLETED)
        return accepted.result() if accepted.done() else running.result()
    except asyncio.CancelledError:
        known = partial(asyncio.wait, {accepted, running}, return_when=asyncio.FIRST_COMPLETED)
        abandon(plan.order, plan.task_id, once=known)
        raise


def abandon(order: Order, task_id: UUID, *, once: Callable[[], Awaitable[object]] | None = None) -> None:
    """The connection was lost: cancel the task where the client wished that, `once` it is there to be cancelled."""

    async def cancel() -> None:
        if once is not None:
            await once()
        await in_database(lifecycle.request_cancel, task_id, order.caller.client_id, "disconnect")

    if order.request.on_disconnect == "cancel":
        _ = _detach(cancel())


async def all_left() -> None:
    """Wait until no task runs here apart from its request any more."""
    while _detached:
        await asyncio.wait(set(_detached))


async def run_queued(task_id: UUID) -> None:
    """Run a queued task to its end, in a worker. Does nothing when somebody has it already, or it has ended."""
    if task_id in _here:
        return  # a reminder of one that waits here for its like: it must not take a second place
    _here.add(task_id)
    structlog.contextvars.bind_contextvars(task_id=str(task_id))  # of this job alone
    try:
        await _run_queued(task_id)
    except draining.Draining:
        pass  # it stays queued, and the sweeper reminds another worker of it
    finally:
        _here.discard(task_id)


async def _run_queued(task_id: UUID) -> None:
    numbered = await in_database(journal.events, task_id)
    if not numbered or not isinstance(opening := numbered[0][1], e.TaskAccepted):
        return
    policy = cache.Policy(opening.cache_key, is_read=opening.may_read_cache, store_seconds=opening.cache_seconds)
    async with cache.flight(policy) as flight:
        task = await _claimed(task_id, opening, flight.answer, is_live=True)
        if task and task.status == Status.COMPLETED and not flight.answer:
            flight.keep(cache.Answer(task.result, task.model))


async def _claimed(
    task_id: UUID, opening: e.TaskAccepted, answer: cache.Answer | None = None, *, is_live: bool
) -> Task | None:
    """Claim a queued task and drive it as far as it goes here; None when it is not to be had, or another took it over."""
    claim = None if draining.has_begun() else await in_database(lifecycle.claim, task_id)
    if claim is None:
        return None
    state = fold(claim.journal, await in_database(specs_of, opening.team))
    started = e.AttemptStarted(attempt=claim.task.attempts)
    execution = Execution(
        task_id,
        state,
        is_live=is_live,
        seconds_left=claim.seconds_left,
        pending=[started, *([claim.past] if claim.past else [])],
        last_seq=claim.task.last_seq,
    )
    if answer:
        execution.finish(_from_cache(answer))
    return await _driven(execution, claim.task, await Meter.of(claim.task), traceparent=opening.traceparent)


async def _in_turn(plan: Plan, task: Task) -> Accepted:
    """Run a task once its conversation is free for it; a worker does, where that lasts longer than the task itself may."""
    if task.waits:
        await _interrupt_others(task)
    found = None
    if await turns.has_come(task, within_seconds=plan.opening.limits.timeout_seconds):
        found = await _claimed(task.pk, plan.opening, is_live=plan.order.mode == Mode.STREAM)
    if found is None:
        found = await in_database(journal.load, task.pk)
    # One that runs elsewhere by now is waited for as any other.
    return Accepted(task.pk, None if found.status == Status.RUNNING else found, plan.cache_result)


async def _interrupt_others(task: Task) -> None:
    if settings.CONVERSATION_CONFLICT == "interrupt":
        await turns.interrupt_others(task)


async def _run(plan: Plan, accepted: asyncio.Future[Accepted]) -> Accepted:
    async with cache.flight(plan.policy) as flight:
        if flight.answer:
            return await _accept_answered(plan, flight.answer)
        if draining.has_begun():
            raise draining.Draining
        cache.count(plan.cache_result)
        state = start(plan.opening, plan.team.members)
        execution = Execution(
            plan.task_id,
            state,
            is_live=plan.order.mode == Mode.STREAM,
            seconds_left=plan.opening.limits.timeout_seconds,
            pending=[*plan.beginning, e.AttemptStarted(attempt=1), *plan.past],
        )
        execution.open()
        if execution.state.ended:
            return Accepted(
                plan.task_id, await _accept_ended(plan, execution.pending, execution.state), plan.cache_result
            )
        task = await _accept(plan, execution.pending, Status.RUNNING)
        accepted.set_result(Accepted(plan.task_id, None, plan.cache_result))
        if task.status == Status.QUEUED:
            return await _in_turn(plan, task)
        execution.saved(len(execution.pending))
        ended = await _driven(execution, task, plan.meter, traceparent=plan.opening.traceparent)
        if ended and ended.status == Status.COMPLETED:
            flight.keep(cache.Answer(ended.result, ended.model))
        return Accepted(plan.task_id, ended, plan.cache_result)


async def _accept(plan: Plan, events: Sequence[e.Event], status: str, ending: lifecycle.Ending | None = None) -> Task:
    """Keep a task, together with those of other requests."""
    task = await acceptances.write(Acceptance(plan.new, tuple(events), status, ending))
    if not Task.agent_version.is_cached(task):
        lead = plan.team.lead.spec
        task.agent_version = AgentVersion(pk=lead.version_id, number=lead.version)
    return task


async def _accept_answered(plan: Plan, answer: cache.Answer) -> Accepted:
    cache.count("hit")
    ended = _from_cache(answer)
    state = evolve(start(plan.opening, plan.team.members), ended)
    task = await _accept_ended(plan, [*plan.beginning, e.AttemptStarted(attempt=1), ended], state)
    return Accepted(task.pk, task, "hit")


async def _accept_ended(plan: Plan, events: Sequence[e.Event], state: State) -> Task:
    ending = lifecycle.Ending.of(state)
    task = await _accept(plan, events, ending.columns["status"], ending)
    await plan.meter.release()
    return task


async def _driven(execution: Execution, task: Task, meter: Meter, *, traceparent: str) -> Task | None:
    """Drive an execution as far as it goes here, with its log lines, metrics and spans; None when another process took it over.

    Every log line within, of tools too, names the task and the request that brought it.
    """
    # It runs in an asyncio task of its own, so nothing has to be taken back.
    structlog.contextvars.bind_contextvars(
        task_id=str(task.pk), client_id=str(task.client_id), request_id=task.request_id
    )
    with traces.attempt(task, execution.state, traceparent) as trail:
        execution.trail = trail
        ended = await _attempted(execution, task, meter)
        if trail is not None:
            trail.ended(ended)
        return ended


async def _attempted(execution: Execution, task: Task, meter: Meter) -> Task | None:
    logger = log(__name__).bind(task_type=task.agent_type)
    logger.info("agent_task_started", attempt=task.attempts)
    try:
        async with meter.slot():
            ended = await execution.drive(task, meter)
    except lifecycle.LeaseLost:
        logger.warning("agent_task_lost")
        return None
    except Unavailable as error:
        logger.warning("agent_task_interrupted", reason="database unreachable")
        raise Interrupted(
            f"The database went away while the task ran; it is kept and will be taken up again: /agent/status/{task.pk}."
        ) from error
    except Exception:
        logger.exception("agent_task_interrupted")
        raise
    if not ended.is_final:
        if ended.status == Status.AWAITING_APPROVAL:
            await meter.release()  # who waits for a person keeps nobody else waiting
        return _left(ended, logger)
    await meter.release()
    metrics.task_duration_seconds.labels(ended.agent_type).observe(ended.ran_seconds)
    event = "agent_task_failed" if ended.status == Status.FAILED else "agent_task_completed"
    logger.info(event, status=ended.status, exit_reason=ended.exit_reason, duration_seconds=round(ended.ran_seconds, 3))
    return ended


def _left(task: Task, logger: Any) -> Task:
    """A task that goes on elsewhere, or when a person has answered."""
    if task.status == Status.QUEUED:
        logger.info("agent_task_handed_over")
        outbox.announce(task)
    else:
        logger.info("agent_task_waits", status=task.status)
    return task


def _from_cache(answer: cache.Answer) -> e.TaskEnded:
    return e.TaskEnded(
        status=Status.COMPLETED, exit_reason="completed", result=answer.result, from_cache=True, model=answer.model
    )


def _detach(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    _detached.add(task)
    task.add_done_callback(_settled)
    return task


def _settled(task: asyncio.Task[Any]) -> None:
    _detached.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log(__name__).debug("detached_task_failed", error=type(error).__name__)
