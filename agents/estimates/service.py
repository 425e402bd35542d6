"""What `execute` would make of an order: the same steps, none of which takes, writes or calls anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from accounts import limits
from accounts.limits import Standing
from accounts.money import budgets
from accounts.money.models import Balance
from accounts.money.movements import Payer
from accounts.money.refusing import refusal
from agentplatform.database import in_database
from agentplatform.errors import BudgetExceeded, InjectionDetected, PlatformError, TaskFailed
from agents import cache, guarding, masking, services
from agents.conversations.line import first_of, refusal_behind
from agents.engine.budget import worst_case
from agents.engine.decide import opening_state
from agents.engine.effects import CallModel
from agents.engine.types import AgentSpec
from agents.estimates.bounds import NOTHING, Bounds, bounds
from agents.guards.injection import Verdict
from agents.orders import Order, Plan, plan_for
from agents.teams import Team


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would become of an order. `refusal` is the error that `execute` would raise now, if any."""

    cost: Bounds
    is_cached: bool
    guard: Verdict
    agents: Sequence[AgentSpec]
    limits: Sequence[Standing]
    budgets: Sequence[Balance]
    refusal: PlatformError | None


async def estimate(order: Order) -> Estimate:
    """Look ahead. Raises the PlatformErrors of `execute` that say that the order itself is wrong.

    Where a version is tried out and the order is not bound to one of the two, the bounds of the cost span both; all else is said
    of the published one.
    """
    team, *others = await services.teams_for(order)
    mode = guarding.mode_for(order, team)
    guard = guarding.judged(order.request, mode)
    order = masking.of_order(order)
    past = await services.past_of(order)
    plan = plan_for(order, team, past)
    is_cached = await cache.found(plan.policy) is not None
    standings, rate_limited = await limits.look(order.caller, "requests", plan.charge)
    balances = await in_database(budgets.look, _payer(plan)) if order.caller.has_budgets else []
    blocked = InjectionDetected(rule=guard.rule, score=guard.score) if guarding.is_refused(guard, mode) else None
    calls, over_cap = ([], None) if is_cached else _beginning(plan)
    cost = Bounds(NOTHING, NOTHING) if is_cached else _cost(plan, calls)
    for other in others:
        cost = cost.spanning(_cost(tried := plan_for(order, other, past), _beginning(tried)[0]))
    if ahead := await _ahead(order):
        cost = cost.spanning(_after_others(order, team))
    over_budget = _over_budget(balances, sum(map(worst_case, calls), NOTHING))
    return Estimate(
        cost=_within(cost, balances),
        is_cached=is_cached,
        guard=guard if blocked or guard.verdict == "pass" else replace(guard, verdict="flag"),
        agents=list(team.members.values()),
        limits=standings,
        budgets=balances,
        refusal=blocked or _unpriced(team) or rate_limited or refusal_behind(ahead) or over_cap or over_budget,
    )


def _cost(plan: Plan, calls: Sequence[CallModel]) -> Bounds:
    is_code = plan.team.lead.spec.strategy == "code"
    return bounds(plan.opening, plan.team.lead.spec, calls) if calls or is_code else Bounds(NOTHING, NOTHING)


async def _ahead(order: Order) -> UUID | None:
    """The task that the order's conversation is busy with."""
    if (conversation_id := order.request.conversation_id) is None:
        return None
    return await in_database(first_of, order.caller.client_id, UUID(conversation_id))


def _after_others(order: Order, team: Team) -> Bounds:
    """The bounds of a task that waits for others of its conversation: nobody knows yet how much they will say."""
    unread = plan_for(order, team)
    return Bounds(_cost(unread, _beginning(unread)[0]).least_usd, unread.opening.limits.max_cost_usd)


def _unpriced(team: Team) -> PlatformError | None:
    try:
        services.check_price(team)
    except BudgetExceeded as error:
        return error
    return None


def _beginning(plan: Plan) -> tuple[list[CallModel], PlatformError | None]:
    """The first model calls, once people have agreed to all; or none, and the error of a task that its caps end before them."""
    agreed = {slug: replace(member, approval="none") for slug, member in plan.team.members.items()}
    plan = replace(plan, team=replace(plan.team, members=agreed))
    ended = opening_state(plan.opening, plan.team.members, *plan.read).ended
    if ended is not None:
        return [], TaskFailed(ended.exit_reason, ended.message, {})
    return plan.first_calls, None


def _payer(plan: Plan) -> Payer:
    return Payer(plan.task_id, plan.order.caller.client_id, plan.order.caller.key_id)


def _within(cost: Bounds, balances: Sequence[Balance]) -> Bounds:
    """No task can cost more than its client's budgets have left."""
    left = [balance.left_usd for balance in balances if balance.budget.is_hard]
    most = min([cost.most_usd, *left])
    return Bounds(min(cost.least_usd, most), most)


def _over_budget(balances: Sequence[Balance], needed: Decimal) -> PlatformError | None:
    """As `budgets.record` refuses: the first budget that cannot bear the first calls."""
    short = (balance for balance in balances if balance.budget.is_hard and needed > max(balance.left_usd, NOTHING))
    return next((refusal(balance, needed) for balance in short), None) if needed else None
