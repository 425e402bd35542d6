"""The tables of accounts."""

from accounts.models.access import LIMITS, SCOPES, ApiKey, Client, Tier, has_passed
from accounts.models.audit import AuditEntry
from accounts.models.refusal import Refusal

__all__ = ["LIMITS", "SCOPES", "ApiKey", "AuditEntry", "Client", "Refusal", "Tier", "has_passed"]
