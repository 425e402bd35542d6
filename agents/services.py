"""What the platform does for a client: execute, cancel, approve, list. The story in domain words."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts.callers import Caller
from accounts.permissions import require_agent_type
from agentplatform import metrics
from agentplatform.database import in_database
from agentplatform.errors import Conflict, FieldError, IdempotencyKeyReused, InjectionDetected, InvalidRequest, NotFound
from agentplatform.logs import log
from agents import cache, journal, outbox
from agents.engine import events as e
from agents.engine.state import State, evolve, fold, start
from agents.engine.types import RunLimits, TaskInput
from agents.following import until_ended
from agents.guards import injection
from agents.models import Task
from agents.runner import Execution
from agents.schemas import ExecuteRequest
from agents.teams import Team, offers, specs_of, team_of

CacheResult = Literal["hit", "miss", "bypass"]
CANCEL_WAIT_SECONDS = 3.0
REPLAY_WAIT_MARGIN_SECONDS = 60.0
Mode = Task.Mode
Status = Task.Status

T = TypeVar("T")

_detached: set[asyncio.Task[Any]] = set()


@dataclass(frozen=True, slots=True)
class Order:
    """A request to execute a task, with who sent it and how."""

    caller: Caller
    request: ExecuteRequest
    mode: Mode
    request_id: str
    idempotency_key: str | None = None
    body_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an order. `task` is the ended or queued task; a streamed one is followed by `task_id` instead."""

    task_id: UUID
    task: Task | None
    cache: CacheResult
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An admitted order: what will run, within which caps, and what the cache may do."""

    new: journal.NewTask
    team: Team
    opening: e.TaskAccepted
    policy: cache.Policy
    order: Order

    @property
    def task_id(self) -> UUID:
        task_id: UUID = self.new.row["id"]
        return task_id

    @property
    def cache_result(self) -> CacheResult:
        return "miss" if self.policy.store_seconds else "bypass"


async def execute(order: Order, *, admit: Callable[[], Awaitable[None]]) -> Accepted:
    """Accept a task and run it in the way asked for: to its end, in the background, or streamed.

    `admit` counts the request against the caller's limits; a replay and a refusal are not counted. A task that runs here goes on
    when this call is cancelled. Raises PlatformError.
    """
    team = await _team(order)
    if replayed := await _replayed(order):
        return replayed
    _guard(order.request)
    await admit()
    plan = _plan(order, team)
    try:
        return await (_queue(plan) if order.mode == Mode.BACKGROUND else _run_here(plan))
    except journal.AlreadyAccepted:
        # The same key came twice at once, and the other was first.
        if replayed := await _replayed(order):
            return replayed
        raise


async def run_queued(task_id: UUID) -> None:
    """Run a queued task to its end, in a worker. Does nothing when another worker has it, or it has ended."""
    numbered = await in_database(journal.events, task_id)
    if not numbered or not isinstance(opening := numbered[0][1], e.TaskAccepted):
        return
    policy = cache.Policy(opening.cache_key, is_read=opening.may_read_cache, store_seconds=opening.cache_seconds)
    async with cache.flight(policy) as answer:
        claim = await in_database(journal.claim, task_id)
        if claim is None:
            return
        state = fold(claim.journal, await in_database(specs_of, opening.team))
        started = e.AttemptStarted(attempt=claim.task.attempts)
        execution = Execution(task_id, state, is_live=True, seconds_left=claim.seconds_left, pending=[started])
        if answer:
            execution.finish(_from_cache(answer))
        task = await _driven(execution, token=claim.token, task=claim.task)
        if task and task.status == Status.COMPLETED:
            await cache.store(policy, cache.Answer(task.result, task.model))


async def cancel(caller: Caller, task_id: UUID) -> Task:
    """Stop a task and give it as it stands shortly after. Raises NotFound."""
    if not await in_database(journal.request_cancel, task_id, caller.client_id, "client"):
        raise NotFound
    return await look(caller, task_id, wait_seconds=CANCEL_WAIT_SECONDS)


def abandon(order: Order, task_id: UUID) -> None:
    """The connection was lost: cancel the task where the client wished that."""
    if order.request.on_disconnect == "cancel":
        _ = _detach(in_database(journal.request_cancel, task_id, order.caller.client_id, "disconnect"))


async def approve(caller: Caller, task_id: UUID, approval_id: str) -> Task:
    """Answer a pending approval. Raises NotFound, or Conflict when no such approval is pending."""
    task = await look(caller, task_id)
    raise Conflict(f"The task is {task.status}; no approval “{approval_id}” is pending.")


async def look(caller: Caller, task_id: UUID, *, wait_seconds: float = 0) -> Task:
    """The caller's task, at once or when it has ended, whichever is asked for. Raises NotFound."""
    try:
        if wait_seconds:
            return await until_ended(task_id, caller.client_id, wait_seconds)
        return await in_database(journal.load, task_id, caller.client_id)
    except Task.DoesNotExist as error:
        raise NotFound from error


async def _team(order: Order) -> Team:
    require_agent_type(order.caller, order.request.agent_type)
    team = await team_of(order.request.agent_type)
    if team is None:
        there_are = ", ".join(sorted(await offers()))
        raise InvalidRequest(
            [FieldError("agent_type", "invalid_choice", f"There is no such agent; there are: {there_are}.")]
        )
    return team


async def _replayed(order: Order) -> Accepted | None:
    """The task that the Idempotency-Key stands for, waited for when the request waits for its task."""
    if order.idempotency_key is None:
        return None
    known = await in_database(journal.known_request, order.caller.client_id, order.idempotency_key)
    if known is None:
        return None
    if bytes(known.body_digest) != order.body_digest:
        raise IdempotencyKeyReused
    task = await look(order.caller, known.task_id)
    if order.mode == Mode.SYNC:
        wait_seconds = task.timeout_seconds + REPLAY_WAIT_MARGIN_SECONDS
        task = await look(order.caller, known.task_id, wait_seconds=wait_seconds)
    return Accepted(task.pk, task, "hit" if task.is_cached else "miss", is_replayed=True)


def _guard(request: ExecuteRequest) -> None:
    verdict = injection.check_all([request.task, *_strings(request.context)])
    if verdict.verdict == "block":
        raise InjectionDetected(rule=verdict.rule, score=verdict.score)
    if verdict.verdict == "flag":
        log(__name__).info("guard_flagged", rule=verdict.rule, score=verdict.score)


def _strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for name, item in value.items() for text in (name, *_strings(item))]
        case list():
            return [text for item in value for text in _strings(item)]
        case _:
            return []


def _plan(order: Order, team: Team) -> Plan:
    request, caller, lead = order.request, order.caller, team.lead
    task = TaskInput(request.task, request.context, request.output_schema)
    limits = _limits(request, team)
    may_cache = request.cache != "bypass" and lead.cache_seconds > 0 and request.conversation_id is None
    policy = cache.BYPASS
    if may_cache:
        key = cache.key_of(caller.client_id, team, task, limits)
        policy = cache.Policy(key, is_read=request.cache == "use", store_seconds=lead.cache_seconds)
    row = {
        "id": uuid7(),
        "client_id": caller.client_id,
        "api_key_id": caller.key_id,
        "agent_type": lead.spec.slug,
        "agent_version_id": lead.spec.version_id,
        "mode": order.mode,
        "timeout_seconds": limits.timeout_seconds,
        "conversation_id": request.conversation_id,
        "metadata": request.metadata,
        "request_id": order.request_id,
    }
    opening = e.TaskAccepted(
        agent=lead.spec.slug,
        team=team.version_ids,
        input=task,
        limits=limits,
        cache_key=policy.key,
        cache_seconds=policy.store_seconds,
        may_read_cache=policy.is_read,
    )
    return Plan(journal.NewTask(row, order.idempotency_key, order.body_digest), team, opening, policy, order)


def _limits(request: ExecuteRequest, team: Team) -> RunLimits:
    """The agent's caps, lowered by what the client asks for; the time alone may be longer than the default."""
    asked, offer = request.limits, team.lead
    cost = Decimal(offer.max_cost_usd)
    return RunLimits(
        max_cost_usd=min(cost, asked.max_cost_usd or cost),
        max_output_tokens=min(offer.max_output_tokens, asked.max_output_tokens or offer.max_output_tokens),
        max_steps=min(offer.max_steps, asked.max_steps or offer.max_steps),
        timeout_seconds=asked.timeout_seconds or offer.timeout_seconds,
    )


async def _queue(plan: Plan) -> Accepted:
    """Keep the task for a worker; one that the cache answers is kept as completed."""
    if answer := await cache.found(plan.policy):
        return await _accept_answered(plan, answer)
    cache.count(plan.cache_result)
    task = await in_database(journal.accept, plan.new, [plan.opening], status=Status.QUEUED)
    outbox.announce(task.pk)
    return Accepted(task.pk, task, plan.cache_result)


async def _run_here(plan: Plan) -> Accepted:
    """Run the task in this process, apart from the request: that may be cancelled, the task goes on."""
    accepted: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
    running = _detach(_run(plan, accepted))
    if plan.order.mode == Mode.SYNC:
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            abandon(plan.order, plan.task_id)
            raise
    await asyncio.wait({accepted, running}, return_when=asyncio.FIRST_COMPLETED)
    return accepted.result() if accepted.done() else running.result()


async def _run(plan: Plan, accepted: asyncio.Future[Accepted]) -> Accepted:
    async with cache.flight(plan.policy) as answer:
        if answer:
            return await _accept_answered(plan, answer)
        cache.count(plan.cache_result)
        state = start(plan.opening, plan.team.members)
        execution = Execution(
            plan.task_id,
            state,
            is_live=plan.order.mode == Mode.STREAM,
            seconds_left=plan.opening.limits.timeout_seconds,
            pending=[plan.opening, e.AttemptStarted(attempt=1)],
        )
        execution.open()
        if execution.state.ended:
            return Accepted(
                plan.task_id, await _accept_ended(plan, execution.pending, execution.state), plan.cache_result
            )
        task = await in_database(journal.accept, plan.new, execution.pending, status=Status.RUNNING)
        execution.saved(len(execution.pending))
        accepted.set_result(Accepted(plan.task_id, None, plan.cache_result))
        ended = await _driven(execution, token=1, task=task)
        if ended and ended.status == Status.COMPLETED:
            await cache.store(plan.policy, cache.Answer(ended.result, ended.model))
        return Accepted(plan.task_id, ended, plan.cache_result)


async def _accept_answered(plan: Plan, answer: cache.Answer) -> Accepted:
    cache.count("hit")
    ended = _from_cache(answer)
    state = evolve(start(plan.opening, plan.team.members), ended)
    task = await _accept_ended(plan, [plan.opening, e.AttemptStarted(attempt=1), ended], state)
    return Accepted(task.pk, task, "hit")


async def _accept_ended(plan: Plan, events: Sequence[e.Event], state: State) -> Task:
    ending = journal.Ending.of(state)
    return await in_database(journal.accept, plan.new, events, status=ending.columns["status"], ending=ending)


async def _driven(execution: Execution, *, token: int, task: Task) -> Task | None:
    """Drive an execution to its end, with its log lines and metrics; None when another process took the task over."""
    logger = log(__name__).bind(task_id=str(task.pk), client_id=str(task.client_id), task_type=task.agent_type)
    logger = logger.bind(request_id=task.request_id)
    logger.info("agent_task_started", attempt=task.attempts)
    try:
        ended = await execution.drive(token)
    except journal.LeaseLost:
        logger.warning("agent_task_lost")
        return None
    metrics.task_duration_seconds.labels(ended.agent_type).observe(ended.ran_seconds)
    event = "agent_task_failed" if ended.status == Status.FAILED else "agent_task_completed"
    logger.info(event, status=ended.status, exit_reason=ended.exit_reason, duration_seconds=round(ended.ran_seconds, 3))
    return ended


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
