"""Refused calls of known clients, so that an operator can say why in one look."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.access import ApiKey, Client


class Refusal(models.Model):
    """One refused call: the rule that refused it, with the figures it went by. Kept for REFUSALS_KEPT_DAYS."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    request_id = models.CharField(max_length=128, db_index=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+", verbose_name="API key")
    tier = models.CharField(max_length=50)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    address = models.CharField(max_length=45, blank=True)
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=40)
    rule = models.CharField(max_length=80, help_text="What refused: a limit's name, a scope, a network, the guard.")
    figures = models.JSONField(default=dict, help_text="What the rule went by.")
    detail = models.TextField(help_text="What the client was told.")

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=("client", "-at"), name="refusal_of_client"),
            models.Index(fields=("rule", "-at", "-id"), name="refusal_of_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.rule}"
