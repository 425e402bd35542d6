"""The tables of accounts."""

from accounts.models.access import LIMITS, SCOPES, ApiKey, Client, Tier, has_passed
from accounts.models.audit import AuditEntry
from accounts.models.refusal import Refusal
from accounts.models.webhook_secret import WebhookSecret

__all__ = ["LIMITS", "SCOPES", "ApiKey", "AuditEntry", "Client", "Refusal", "Tier", "WebhookSecret", "has_passed"]
