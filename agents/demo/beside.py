"""What stands beside tasks in the console: agents with a data set, toolsets of each kind, documents, marks for the guard."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.audit import Actor
from agents.demo import evaluated, texts
from agents.demo.owners import NAMED
from agents.demo.stage import FIND, LETTERS, PARAMETERS, REFUND, REFUNDS
from agents.http_apis.models import HttpApi
from agents.knowledge import reading, services, waiting
from agents.knowledge.models import Collection
from agents.mcp_servers.models import McpServer
from agents.models import Agent, AgentVersion, GuardMark
from agents.toolsets import approving, storing
from agents.toolsets.listing import listed

WHO = Actor("command", "demodata")
TOOLSET = "demo-orders"
SERVER = "demo-tickets"
TICKET: dict[str, Any] = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
PAGES = {
    "house-rules.md": "# House rules\n\n## Returns\n\nGoods go back within thirty days.\n",
    "holidays.md": "# Holidays\n\nThe web shop stays open; the help desk is closed from the 24th to the 26th.\n",
}


def make() -> None:
    """All of it. The agents are inactive and the addresses lead nowhere, so nobody calls them by chance."""
    api = HttpApi.objects.create(name=TOOLSET, base_url="https://orders.example/v1", title="Orders (demo)")
    tools = [
        listed(
            name.rpartition("__")[2],
            "Pay an order back." if name == REFUND else "Find an order by its number.",
            PARAMETERS[name],
            "unsafe" if name == REFUND else "pure",
            {
                "method": "POST" if name == REFUND else "GET",
                "path": "/orders/{order}",
                "parameters": [{"name": "order", "in": "path"}],
            },
        )
        for name in (FIND, REFUND)
    ]
    storing.store(api, tools)
    approving.approve(api.tools.all(), WHO)
    server = McpServer.objects.create(name=SERVER, url="https://tickets.example/mcp", is_active=False)
    storing.store(
        server,
        [
            listed("create_ticket", "Open a ticket.", TICKET, "unsafe"),
            listed("search", "Find tickets.", TICKET, "pure"),
        ],
    )
    storing.store_fault(server, "tickets.example: the name is not known.")
    _agent(
        REFUNDS,
        "Pays orders back, when somebody agrees.",
        tools=[FIND, REFUND],
        approval_tools=[REFUND],
        guard_mode="flag",
    )
    letters = _agent(LETTERS, "Writes letters that somebody reads before they go out.", approval="result")
    evaluated.make(letters)
    _documents()
    _marks()


def _agent(slug: str, description: str, **fields: Any) -> Agent:
    agent = Agent.objects.create(slug=slug, is_active=False)
    AgentVersion.objects.create(
        agent=agent,
        number=1,
        status=AgentVersion.Status.PUBLISHED,
        published_at=timezone.now() - timedelta(days=100),
        description=description,
        instructions=f"{description} Be brief and polite.",
        **fields,
    )
    return agent


def _documents() -> None:
    collection = Collection.objects.create(name=f"{NAMED}house rules", description="Invented.", agents=[])
    for name, text in PAGES.items():
        received = services.receive(collection, name, text.encode(), actor=WHO)
        if held := waiting.claim(received.document):
            reading.read(held)


def _marks() -> None:
    GuardMark.objects.bulk_create(
        GuardMark(text=text, is_attack=is_attack, marked_by=WHO.name)
        for is_attack, marked in ((True, texts.ATTACKS), (False, texts.HONEST))
        for text in marked
    )
