"""The agents' part of the operators' console."""

from agents.admin import agents, outcomes, tasks, versions

__all__ = ["agents", "outcomes", "tasks", "versions"]
