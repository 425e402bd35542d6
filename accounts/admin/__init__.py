"""The operators' console for accounts."""

from accounts.admin import api_keys, audit, clients, refusals, users

__all__ = ["api_keys", "audit", "clients", "refusals", "users"]
