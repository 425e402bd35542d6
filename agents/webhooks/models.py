"""What is to be told to whom, and how far that has come."""

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from accounts.models import Client
from agents.models import Task

MAX_URL_CHARACTERS = 2000


class Delivery(models.Model):
    """One message to one address. Its id is the `webhook-id`: the same at each attempt, so that receivers can tell.

    Triggers write the row when a task that names an address ends, in the transaction that ends it, and when it asks for an
    approval, in the one that asks. `endpoint` is what is kept apart from all others: one client's calls to one server.
    """

    class State(models.TextChoices):
        PENDING = "pending", "waits for its next attempt"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "given up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=32, help_text="Such as task.completed.")
    approval_id = models.CharField(max_length=16, blank=True, default="", db_default="")
    url = models.CharField("address", max_length=MAX_URL_CHARACTERS)
    endpoint = models.TextField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING, db_default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, db_default=Now())
    status_code = models.PositiveSmallIntegerField("last answer", null=True, help_text="The receiver's HTTP status.")
    fault = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text="Why the last attempt failed."
    )
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ("-created_at", "-id")
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="delivery_newest"),
            models.Index(fields=("-created_at", "-id"), name="delivery_failed", condition=models.Q(state="failed")),
            models.Index(
                fields=("endpoint", "next_attempt_at"),
                name="delivery_due",
                condition=models.Q(state="pending"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of task {self.task_id}"
