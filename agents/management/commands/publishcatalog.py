"""`manage.py publishcatalog`: make the agents we ship, where they are missing."""

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Now

from agents.catalog import SHIPPED, CatalogError, ShippedAgent, check
from agents.models import Agent, AgentVersion
from agents.tools import registry


class Command(BaseCommand):
    """Safe to run at any time: an agent that exists, whatever an operator made of it, stays as it is."""

    help = "Create the shipped agents that are missing, each with version 1 published. Existing agents are not changed."

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            check(SHIPPED, registry.names())
        except CatalogError as error:
            raise CommandError(f"The catalog is not consistent. {error}") from error
        made = [agent.slug for agent in SHIPPED if _create_missing(agent)]
        kept = [agent.slug for agent in SHIPPED if agent.slug not in made]
        if options["verbosity"] == 0:
            return
        if made:
            self.stdout.write(f"Published: {', '.join(made)}.")
        if kept:
            self.stdout.write(f"Left as they are: {', '.join(kept)}.")


def _create_missing(shipped: ShippedAgent) -> bool:
    """Make the agent with its first version, unless it is there; of two processes at once, one makes it."""
    content = asdict(shipped)
    with transaction.atomic():
        agent, is_new = Agent.objects.get_or_create(slug=content.pop("slug"))
        if is_new:
            content |= {name: list(content[name]) for name in ("tools", "delegates", "handoffs")}
            AgentVersion.objects.create(
                agent=agent, number=1, status=AgentVersion.Status.PUBLISHED, published_at=Now(), **content
            )
    return is_new
