"""What the platform does for a client: execute, cancel, approve, look. The story in domain words."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from uuid import UUID

from accounts import limits, webhook_secrets
from accounts.callers import Caller, kept_limits
from accounts.limiter.values import Charge
from accounts.limits import Admission
from accounts.permissions import require_agent_type
from agentplatform.database import in_database
from agentplatform.errors import (
    BudgetExceeded,
    Conflict,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from agents import guarding, journal, lifecycle, masking, publishing, running
from agents.approvals import answering
from agents.approvals.answering import Answer
from agents.approvals.models import Approval
from agents.conversations import reading
from agents.engine.budget import output_tokens_that_fit
from agents.engine.events import ConversationRead
from agents.engine.types import unpriced
from agents.following import until_ended
from agents.metering import Meter
from agents.models import Task
from agents.orders import Accepted, Mode, Order, Plan, plan_for
from agents.schemas import ApproveRequest
from agents.streaming import Appended, hub
from agents.teams import Offer, Team, offers, team_of

CANCEL_WAIT_SECONDS = 3.0
REPLAY_WAIT_MARGIN_SECONDS = 60.0


async def execute(order: Order, *, admit: Callable[[Charge], Awaitable[Admission]]) -> Accepted:
    """Accept a task and run it in the way asked for: to its end, in the background, or streamed.

    `admit` counts the request against the caller's limits; a replay and a refusal are not counted, and what was taken for
    a task that was not accepted is given back. A task that runs here goes on when this call is cancelled. Raises
    PlatformError.
    """
    team = await team_for(order)
    if replayed := await _replayed(order):
        return replayed
    noted = guarding.check(order, guarding.mode_for(order, team))
    order = masking.of_order(order)
    check_price(team)
    await _check_webhook(order)
    plan = plan_for(order, team, await past_of(order), noted)
    admission = await admit(plan.charge)
    try:
        return await (running.queue(plan) if order.mode == Mode.BACKGROUND else running.run_here(plan))
    except running.Interrupted:
        raise
    except (Unavailable, Conflict):
        await limits.give_back(admission)
        raise
    except BudgetExceeded as refusal:
        await limits.give_back(admission)
        raise _with_what_would_pass(refusal, plan) from None
    except lifecycle.AlreadyAccepted:
        # The same key came twice at once, and the other was first.
        await limits.give_back(admission)
        if replayed := await _replayed(order):
            return replayed
        raise


async def cancel(caller: Caller, task_id: UUID) -> Task:
    """Stop a task and give it as it stands shortly after. Raises NotFound."""
    if not await in_database(lifecycle.request_cancel, task_id, caller.client_id, "client"):
        raise NotFound
    task = await look(caller, task_id, wait_seconds=CANCEL_WAIT_SECONDS)
    if task.is_final and not task.started_at:
        await Meter(task_id, await kept_limits(task.api_key_id)).release()
    return task


async def approve(caller: Caller, task_id: UUID, request: ApproveRequest) -> Task:
    """Answer an approval of the caller's task, which goes on. Raises NotFound, or Conflict when it is too late for that."""
    given = Answer(
        request.approval_id, request.decision, request.comment or "", Approval.By.CLIENT, decider=caller.key_prefix
    )
    task = await in_database(answering.answer, task_id, given, client_id=caller.client_id)
    hub().tell(task_id, Appended(task.last_seq), is_shared=True)
    return task


async def look(caller: Caller, task_id: UUID, *, wait_seconds: float = 0) -> Task:
    """The caller's task, at once or when it has ended, whichever is asked for. Raises NotFound."""
    try:
        if wait_seconds:
            return await until_ended(task_id, caller.client_id, wait_seconds)
        return await in_database(journal.load, task_id, caller.client_id)
    except Task.DoesNotExist as error:
        raise NotFound from error


async def team_for(order: Order) -> Team:
    """The agents that an order involves. Raises Forbidden, or InvalidRequest when there is no such agent."""
    return await _team(order, lambda offer: offer.drawn(order.unit))


async def teams_for(order: Order) -> list[Team]:
    """The teams that an order may come to, that of the published version first: two where one is drawn as it comes."""
    if order.is_bound:
        return [await team_for(order)]
    teams = [await _team(order, lambda offer: offer)]
    if teams[0].lead.candidate:
        teams.append(await _team(order, lambda offer: offer.candidate or offer))
    return teams


async def _team(order: Order, choose: Callable[[Offer], Offer]) -> Team:
    slug = order.request.agent_type
    require_agent_type(order.caller, slug)
    if team := await team_of(slug, choose):
        return team
    there_are = f"there are: {', '.join(sorted(await offers())) or 'none'}."
    reason = await in_database(publishing.why_not_offered, slug)
    fault = f"This agent takes no tasks now: {reason}" if reason else "There is no such agent"
    raise InvalidRequest([FieldError("agent_type", "invalid_choice", f"{fault}; {there_are}")])


async def past_of(order: Order) -> ConversationRead | None:
    """What was said before in the order's conversation; None for an order outside of any."""
    if (conversation_id := order.request.conversation_id) is None:
        return None
    return await in_database(reading.read, order.caller.client_id, UUID(conversation_id))


async def _check_webhook(order: Order) -> None:
    """Refuse an address that nothing could be signed for. Raises InvalidRequest."""
    if order.request.webhook_url and not await in_database(webhook_secrets.has_any, order.caller.client_id):
        told = "You have no webhook secret yet; make one with POST /account/webhook-secret."
        raise InvalidRequest([FieldError("webhook_url", "no_secret", told)])


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


def check_price(team: Team) -> None:
    """Raise BudgetExceeded for what can cost nobody knows how much. Delegates' models are checked when it is their turn."""
    lead = team.lead.spec
    # Whether a function asks a model at all, only it knows.
    if not lead.price.is_known and lead.strategy != "code":
        raise BudgetExceeded(unpriced(lead.model), members={"rule": "unpriced_model", "model": lead.model})


def _with_what_would_pass(refusal: BudgetExceeded, plan: Plan) -> BudgetExceeded:
    """The refusal, with the longest answer that the money left would pay."""
    left = Decimal(refusal.members["budget"]["remaining_usd"])
    fit = min((output_tokens_that_fit(call, left) for call in plan.first_calls), default=0)
    if not fit:
        return refusal
    detail = f"{refusal.detail} A limits.max_output_tokens of {fit} would pass now."
    return BudgetExceeded(detail, members={**refusal.members, "would_pass": {"max_output_tokens": fit}})
