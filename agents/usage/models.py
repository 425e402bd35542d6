"""The tables of usage.

A trigger of the tasks' table fills `EndedTask`, in the transaction that ends a task and at whichever door; the roll-up
moves it on to `DailyUsage`.
"""

from typing import ClassVar
from uuid import UUID

from django.db import models

from accounts.models import Client

NO_KEY = UUID(int=0)
"""Stands for a key whose row is gone."""
NO_CLIENT = UUID(int=0)
"""Stands for all clients together."""


class Used(models.Model):
    """What tasks used that ended on one day (UTC)."""

    api_key_id = models.UUIDField()
    agent_type = models.CharField(max_length=64)
    day = models.DateField()
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    cached = models.PositiveIntegerField(default=0, help_text="Completed ones that the response cache answered.")
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=9, default=0)

    class Meta:
        abstract = True


class EndedTask(Used):
    """One ended task that is in no roll-up yet. Without foreign keys, so that ending a task stays cheap."""

    task_id = models.UUIDField(primary_key=True)
    client_id = models.UUIDField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=("client_id", "day"), name="ended_task_of_client")]

    def __str__(self) -> str:
        return str(self.task_id)


class DailyUsage(Used):
    """What a client's tasks of one key and one agent used that ended on one day (UTC)."""

    client = models.ForeignKey(
        Client, models.PROTECT, related_name="+", db_index=False
    )  # the constraint begins with it

    class Meta:
        verbose_name = "daily usage"
        verbose_name_plural = "daily usage"
        ordering: ClassVar = ["-day", "client__name", "agent_type"]
        indexes: ClassVar = [
            models.Index(fields=("-day", "-id"), name="daily_usage_by_day"),
            models.Index(fields=("agent_type", "-day", "-id"), name="daily_usage_of_agent"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("client", "day", "agent_type", "api_key_id"), name="daily_usage_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_type}"

    @property
    def requests(self) -> int:
        """All tasks, however they ended."""
        return self.completed + self.failed + self.cancelled


class DailyTotal(models.Model):
    """What all tasks of one agent, or of one client, used that ended on one day (UTC): what long stretches are read from.

    Triggers of `DailyUsage` keep it, whoever changes that. Of an agent's line the client is NO_CLIENT, of a client's the agent is
    empty.
    """

    day = models.DateField()
    client_id = models.UUIDField()
    agent_type = models.CharField(max_length=64)
    # A trigger may propose less than nothing, to be taken from what is there.
    completed = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    cached = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=24, decimal_places=9, default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("day", "client_id", "agent_type"), name="daily_total_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_type or self.client_id}"
