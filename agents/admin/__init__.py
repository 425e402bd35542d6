"""The agents' part of the operators' console."""

from agents.admin import agents, guard, outcomes, tasks, versions

__all__ = ["agents", "guard", "outcomes", "tasks", "versions"]
