"""The operators' console for accounts."""

from accounts.admin import api_keys, clients, login, users

__all__ = ["api_keys", "clients", "login", "users"]
