"""The audit: what was done to keys, tiers and clients. Append-only, by a trigger in PostgreSQL."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One change: who made it, to what, when, and each column's value before and after."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    actor_kind = models.CharField(
        "by", max_length=16, help_text="An operator, a client's key, a command, or the start."
    )
    actor = models.CharField(max_length=200, help_text="The operator's name, or the key's prefix.")
    action = models.CharField(max_length=32)
    subject_kind = models.CharField("kind", max_length=32)
    subject_id = models.CharField("id", max_length=64, db_index=True)
    subject = models.CharField(max_length=200)
    changes = models.JSONField(default=dict, help_text="Each column's value before and after.")
    request_id = models.CharField(max_length=128, blank=True)

    class Meta:
        verbose_name_plural = "audit"
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=("action", "-at", "-id"), name="audit_of_action"),
            models.Index(fields=("subject_kind", "-at", "-id"), name="audit_of_kind"),
            models.Index(fields=("actor_kind", "-at", "-id"), name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject} {self.action}"
