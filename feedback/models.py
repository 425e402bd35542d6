"""What people thought of a task's result."""

from django.db import models
from django.db.models.functions import Now

from accounts.models import Client
from agents.models import Task


class Feedback(models.Model):
    """A client's opinion of one task; the latest replaces the one before."""

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="feedback")
    client = models.ForeignKey(Client, models.PROTECT, related_name="feedback")
    rating = models.PositiveSmallIntegerField(help_text="From 1, useless, to 5, just right.")
    comment = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True)
    correction = models.TextField(blank=True, help_text="What the result should have been.")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "feedback"
        constraints = (
            models.CheckConstraint(condition=models.Q(rating__gte=1, rating__lte=5), name="feedback_rating_in_range"),
        )

    def __str__(self) -> str:
        return f"{self.rating} of 5 for {self.task_id}"
