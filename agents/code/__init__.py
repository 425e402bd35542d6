"""Agents as code: a function behind the same keys, limits, money, journal and streams as every other agent.

    from agents.code import Context, agent

    @agent(slug="greeter", description="Greets people by name.")
    async def greeter(task: str, context: Context) -> str:
        return await context.model(f"Greet {task} in one line.")

The modules that declare them are named in AGENT_MODULES; docs/agents.md says what a function has to keep to.
"""

from agents.code.contexts import BlockingContext, Context
from agents.code.declaring import agent
from agents.code.errors import (
    AgentError,
    CallFailed,
    DelegateFailed,
    InvalidOutput,
    ModelFailed,
    StepFailed,
    ToolFailed,
)
from agents.code.values import JSON

__all__ = [
    "JSON",
    "AgentError",
    "BlockingContext",
    "CallFailed",
    "Context",
    "DelegateFailed",
    "InvalidOutput",
    "ModelFailed",
    "StepFailed",
    "ToolFailed",
    "agent",
]
