"""What signs the webhooks that a client gets."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.access import Client
from agentplatform.sealed_field import SealedField


class WebhookSecret(models.Model):
    """One secret of a client. The newest has no end; the one before signs as well until its end, so nothing is missed."""

    client = models.ForeignKey(Client, models.CASCADE, related_name="webhook_secrets")
    secret = SealedField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("client",), condition=models.Q(expires_at=None), name="webhook_secret_newest_once"
            ),
        ]

    def __str__(self) -> str:
        return f"webhook secret of {self.client.name}"
