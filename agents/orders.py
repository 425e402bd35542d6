"""What a client orders, what is planned for it, and what became of it: values on their way through a request."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from accounts.callers import Caller
from accounts.limiter.values import Charge
from agentplatform import tracing
from agents import cache, lifecycle
from agents.engine import events as e
from agents.engine.budget import most_tokens, worst_case
from agents.engine.decide import first_calls
from agents.engine.effects import CallModel
from agents.engine.types import RunLimits, TaskInput
from agents.metering import Meter
from agents.models import Task
from agents.schemas import ExecuteRequest
from agents.teams import Team

CacheResult = Literal["hit", "miss", "bypass"]
Mode = Task.Mode


@dataclass(frozen=True, slots=True)
class Order:
    """A request to execute a task, with who sent it and how."""

    caller: Caller
    request: ExecuteRequest
    mode: Mode
    request_id: str
    idempotency_key: str | None = None
    body_digest: bytes = b""
    task_id: UUID = field(default_factory=uuid7)

    @property
    def is_bound(self) -> bool:
        """Whether the same version runs when the order comes again."""
        return self.request.conversation_id is not None or self.idempotency_key is not None

    @property
    def unit(self) -> str:
        """What is drawn as one where a version is tried out: the conversation, else the repeated request, else the task."""
        if self.request.conversation_id is not None:
            return f"conversation:{self.caller.client_id}:{self.request.conversation_id}"
        if self.idempotency_key is not None:
            return f"key:{self.caller.client_id}:{self.idempotency_key}"
        return f"task:{self.task_id}"


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

    new: lifecycle.NewTask
    team: Team
    opening: e.TaskAccepted
    policy: cache.Policy
    order: Order
    noted: e.GuardNoted | None = None

    @property
    def beginning(self) -> list[e.Event]:
        """The journal's first lines."""
        return [self.opening, self.noted] if self.noted else [self.opening]

    @property
    def past(self) -> tuple[e.ConversationRead, ...]:
        """What was said in its conversation before, if it is part of one."""
        return () if self.new.past is None else (self.new.past,)

    @property
    def read(self) -> tuple[e.Event, ...]:
        """What is known before its first call: what the guard noted, and the past."""
        return (*([self.noted] if self.noted else []), *self.past)

    @property
    def task_id(self) -> UUID:
        return self.order.task_id

    @property
    def first_calls(self) -> list[CallModel]:
        """The model calls that it begins with."""
        return first_calls(self.opening, self.team.members, *self.read)

    @property
    def meter(self) -> Meter:
        """What the task takes from its client's limits as it runs here."""
        return Meter(self.task_id, self.order.caller.limits)

    @property
    def charge(self) -> Charge:
        """What the task takes from its client's limits as it is accepted: its first model calls at their worst."""
        if not any(limit.kind == "tokens" for limit in self.order.caller.limits):
            return Charge(str(self.task_id))
        return Charge(str(self.task_id), sum(map(most_tokens, self.first_calls)))

    @property
    def cache_result(self) -> CacheResult:
        return "miss" if self.policy.store_seconds else "bypass"


def plan_for(
    order: Order, team: Team, past: e.ConversationRead | None = None, noted: e.GuardNoted | None = None
) -> Plan:
    """What will run for an order, within the agent's caps as the client lowered them, after what was said before.

    `noted` is what the guard says of it.
    """
    request, caller, lead = order.request, order.caller, team.lead
    task = TaskInput(request.task, request.context, request.output_schema)
    limits = _limits(request, team)
    asks_people = any(member.approval != "none" for member in team.members.values())
    may_cache = (
        request.cache != "bypass" and lead.cache_seconds > 0 and request.conversation_id is None and not asks_people
    )
    policy = cache.BYPASS
    if may_cache:
        key = cache.key_of(caller.client_id, team, task, limits)
        policy = cache.Policy(key, is_read=request.cache == "use", store_seconds=lead.cache_seconds)
    row = {
        "id": order.task_id,
        "client_id": caller.client_id,
        "api_key_id": caller.key_id,
        "agent_type": lead.spec.slug,
        "agent_version_id": lead.spec.version_id,
        "mode": order.mode,
        "timeout_seconds": limits.timeout_seconds,
        "conversation_id": request.conversation_id,
        "metadata": request.metadata,
        "request_id": order.request_id,
        "guard_rule": noted.rule if noted else "",
        "webhook_url": request.webhook_url or "",
    }
    opening = e.TaskAccepted(
        agent=lead.spec.slug,
        team=team.version_ids,
        input=task,
        limits=limits,
        cache_key=policy.key,
        cache_seconds=policy.store_seconds,
        may_read_cache=policy.is_read,
        guard_mode=caller.guard_mode,
        masking=caller.masking,
        traceparent=tracing.traceparent(),
    )
    has_budgets = caller.has_budgets
    may_wait = order.mode == Mode.BACKGROUND or past is not None
    known = [event for event in (noted, past) if event]
    calls = first_calls(opening, team.members, *known) if has_budgets and may_wait else []
    new = lifecycle.NewTask(
        row,
        order.idempotency_key,
        order.body_digest,
        has_budgets=has_budgets,
        set_aside={call.run: worst_case(call) for call in calls},
        past=past,
    )
    return Plan(new, team, opening, policy, order, noted)


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
