"""`manage.py publishcatalog`: make the shipped agents that are missing."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from agents.catalog import CATALOG
from agents.models import Agent, AgentVersion


class Command(BaseCommand):
    help = "Publish the shipped agents that do not exist yet. What operators changed stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            known = set(Agent.objects.values_list("slug", flat=True))
            for shipped in CATALOG:
                if shipped.slug in known:
                    continue
                AgentVersion.objects.create(
                    agent=Agent.objects.create(slug=shipped.slug),
                    number=1,
                    status=AgentVersion.Status.PUBLISHED,
                    description=shipped.description,
                    instructions=shipped.instructions,
                    strategy=shipped.strategy,
                    tools=list(shipped.tools),
                    delegates=list(shipped.delegates),
                )
                self.stdout.write(f"agent {shipped.slug} published")
