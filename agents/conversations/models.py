"""The tables of conversations: what was said, the summary of what is too old to be given whole, and who is in line."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models import Client
from agents.models import Task


class Conversation(models.Model):
    """A client's conversation by the id that the client chose; another client's of the same id is another one."""

    client = models.ForeignKey(
        Client, models.PROTECT, related_name="conversations", db_index=False
    )  # the constraint begins with it
    conversation_id = models.UUIDField("id", help_text="As the client named it.")
    agent_type = models.CharField(max_length=64, help_text="Whom the newest task was for.")
    turns = models.PositiveIntegerField(default=0, help_text="How many there are; also the number of the last.")
    summary = models.TextField(blank=True, help_text="What models read in the place of the older turns.")
    summarised = models.PositiveIntegerField(default=0, help_text="The number of the last turn that it tells of.")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-last_used_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("client", "conversation_id"), name="conversation_of_client")
        ]
        indexes: ClassVar = [
            models.Index(fields=("client", "-last_used_at", "-conversation_id"), name="conversation_client_newest"),
            models.Index(fields=("last_used_at",), name="conversation_oldest"),
        ]

    def __str__(self) -> str:
        return str(self.conversation_id)


class Turn(models.Model):
    """What one side said. Odd numbers are the user's, each followed by the assistant's answer of the same task."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    pk = models.CompositePrimaryKey("conversation_id", "number")
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="said", db_index=False
    )  # the primary key begins with it
    number = models.PositiveIntegerField()
    role = models.CharField(max_length=16, choices=Role)
    content = models.TextField()
    context = models.JSONField(default=dict, help_text="What the client sent along with its task.")
    bytes = models.PositiveIntegerField(help_text="As a model reads it, in UTF-8.")
    # Without a foreign key: a turn may be kept for longer than its task.
    task_id = models.UUIDField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.number} {self.role}"


class Erasure(models.Model):
    """A conversation that is gone; its tasks, up to the one created last, have yet to lose what was said in them."""

    client_id = models.UUIDField()
    conversation_id = models.UUIDField()
    last_created_at = models.DateTimeField(null=True, help_text="Empty when no task of it was left.")

    def __str__(self) -> str:
        return str(self.conversation_id)


class Place(models.Model):
    """An unended task's place in the line of its conversation. The lowest number may run, the others wait."""

    task = models.OneToOneField(Task, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="places")

    def __str__(self) -> str:
        return str(self.task_id)
