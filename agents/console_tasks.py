"""Tasks of the console's own client: what operators try in the playground, and what data sets ask.

They run any version, a draft as well, and are otherwise as any client's: read by the guard, masked, priced, within the limits
of the agent, queued for a worker. To be run through `in_database`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.callers import Caller
from accounts.console_client import console_client
from agents import guarding, lifecycle, masking, outbox, services
from agents.models import AgentVersion, Task
from agents.orders import Mode, Order, plan_for
from agents.schemas import ExecuteRequest
from agents.teams import team_around

NO_KEY = UUID(int=0)


def begin(
    version: AgentVersion, task: str, context: Mapping[str, Any] | None = None, *, metadata: Mapping[str, Any]
) -> Task:
    """Have a worker run this version on a task; gives the queued task.

    Raises pydantic's ValidationError for a task that no client could send, and PlatformError for one that is refused.
    """
    request = ExecuteRequest(
        agent_type=version.agent.slug, task=task, context=dict(context or {}), metadata=dict(metadata), cache="bypass"
    )
    order = Order(_caller(), request, Mode.BACKGROUND, request_id="")
    team = team_around(version)
    noted = guarding.check(order, guarding.mode_for(order, team))
    services.check_price(team)
    plan = plan_for(masking.of_order(order), team, noted=noted)
    new = replace(plan.new, row={**plan.new.row, "api_key_id": None})
    queued = lifecycle.accept(new, plan.beginning, status=Task.Status.QUEUED)
    transaction.on_commit(lambda: outbox.announce(queued))
    return queued


def _caller() -> Caller:
    """The console as the client that it is; no key of it exists."""
    client = console_client()
    return Caller(
        client_id=client.pk,
        key_id=NO_KEY,
        client_name=client.name,
        key_prefix="",
        tier=client.tier.slug,
        limits=(),
        scopes=frozenset(),
        allowed_agent_types=frozenset(),
        allowed_networks=(),
        expires_at=None,
        has_budgets=True,  # it may have some; asking costs more than looking
        guard_mode=client.tier.guard_mode,
        masking=client.masking,
    )
