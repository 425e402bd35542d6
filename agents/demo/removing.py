"""Takes the demo data away again: whatever belongs to the demo's clients, then what stands beside."""

from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction

from accounts.money.ledger import ALLOWS_PRUNING
from agents.demo import beside, owners
from agents.demo.copying import execute
from agents.demo.stage import LETTERS, REFUNDS
from agents.http_apis.models import HttpApi
from agents.knowledge.models import Collection
from agents.mcp_servers.models import McpServer
from agents.models import Agent, GuardMark, Task

BATCH = 10_000
SOME = """
    CREATE TEMP TABLE demo_gone ON COMMIT DROP AS
    SELECT id FROM agents_task WHERE client_id = ANY(%s) ORDER BY created_at LIMIT %s
"""
# What stays, and names a task that goes: an operator's forks, cases made from tasks, and what became of them.
NAMING = (
    ("agents_task", "forked_from_id"), ("evals_case", "from_task_id"), ("evals_outcome", "task_id"),
    ("evals_outcome", "judgement_id"),
)  # fmt: skip
# In this order: what names another row goes before it.
OF_TASKS = (
    "agents_event", "approvals_approval", "agents_unknownoutcome", "webhooks_delivery", "feedback_feedback",
    "conversations_place", "agents_outbox", "agents_idempotencykey", "agents_guardmark", "usage_endedtask", "money_reservation",
    "money_ledgerentry",
)  # fmt: skip
DROP_OF_TASKS = "DELETE FROM {} WHERE task_id IN (SELECT id FROM demo_gone)"
LET_GO = "UPDATE {0} SET {1} = NULL WHERE {1} IN (SELECT id FROM demo_gone)"
DROP_OF_CLIENTS = "DELETE FROM {} WHERE client_id = ANY(%s)"
OF_CONVERSATIONS = """
    DELETE FROM conversations_turn WHERE conversation_id IN (SELECT id FROM conversations_conversation WHERE client_id = ANY(%s))
"""
OF_BALANCES = """
    DELETE FROM money_{} WHERE {} IN (SELECT balance.id FROM money_balance balance JOIN money_budget budget
        ON budget.id = balance.budget_id WHERE budget.client_id = ANY(%s))
"""
OF_CLIENTS = (
    "conversations_conversation", "conversations_erasure", "usage_endedtask", "usage_dailyusage", "money_ledgerentry",
    "money_budget", "accounts_refusal", "accounts_webhooksecret", "accounts_apikey",
)  # fmt: skip


def remove(tell: Callable[[int], None]) -> int:
    """Remove all of it, batch by batch; `tell` hears how many tasks are gone. Gives how many there were."""
    clients = list(owners.all_clients().values_list("pk", flat=True))
    count = 0
    while some := _tasks(clients):
        count += some
        tell(count)
    with transaction.atomic():
        execute(ALLOWS_PRUNING)
        execute(OF_CONVERSATIONS, clients)
        for table, column in (("reservation", "balance_id"), ("balance", "id")):
            execute(OF_BALANCES.format(table, column), clients)
        for table in OF_CLIENTS:
            execute(DROP_OF_CLIENTS.format(table), clients)
        execute("DELETE FROM accounts_client WHERE id = ANY(%s)", clients)
    _beside()
    return count


def is_there() -> bool:
    """Whether there is any demo data."""
    return owners.all_clients().exists() or Agent.objects.filter(slug__in=(REFUNDS, LETTERS)).exists()


def _tasks(clients: list[UUID]) -> int:
    with transaction.atomic():
        execute(ALLOWS_PRUNING)
        found = execute(SOME, clients, BATCH)
        for table, column in NAMING:
            execute(LET_GO.format(table, column))
        for table in OF_TASKS:
            execute(DROP_OF_TASKS.format(table))
        execute("DELETE FROM agents_task WHERE id IN (SELECT id FROM demo_gone)")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return found


@transaction.atomic
def _beside() -> None:
    """What no client owns. An agent that somebody else has used meanwhile stays, as its tasks name it."""
    GuardMark.objects.filter(marked_by=beside.WHO.name).delete()
    HttpApi.objects.filter(name=beside.TOOLSET).delete()
    McpServer.objects.filter(name=beside.SERVER).delete()
    Collection.objects.filter(name__startswith=owners.NAMED).delete()
    for agent in Agent.objects.filter(slug__in=(REFUNDS, LETTERS)):
        if not Task.objects.filter(agent_version__agent=agent).exists():
            Agent.objects.filter(pk=agent.pk).update(candidate=None)
            agent.versions.all().delete()
            agent.delete()
