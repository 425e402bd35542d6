"""Knowledge in the operators' console."""

from agents.knowledge.admin import collections, documents, passages

__all__ = ["collections", "documents", "passages"]
