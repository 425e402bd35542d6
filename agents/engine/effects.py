"""What the engine asks the runner to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.engine.events import Event
from agents.engine.types import AgentSpec, Function, Message, Model, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel:
    """Ask a model of the agent; `output_schema` is what the text should satisfy as JSON, when set.

    The call is made after `wait_seconds`, and a random time up to `jitter_seconds`.
    """

    run: str
    step: int
    purpose: str
    agent: AgentSpec
    model: Model
    messages: tuple[Message, ...]
    functions: tuple[Function, ...]
    max_output_tokens: int
    output_schema: Mapping[str, Any] | None = None
    wait_seconds: float = 0.0
    jitter_seconds: float = 0.0

    @property
    def key(self) -> tuple[str, ...]:
        """Tells this effect from every other that may be under way."""
        return ("model", self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTool:
    """Run one tool."""

    run: str
    step: int
    call: ToolCall

    @property
    def key(self) -> tuple[str, ...]:
        """Tells this effect from every other that may be under way."""
        return ("tool", self.run, str(self.step), self.call.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCode:
    """Have the run's function go on, until it asks for something, says something, or ends."""

    run: str

    @property
    def key(self) -> tuple[str, ...]:
        """Tells this effect from every other that may be under way."""
        return ("code", self.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Write a fact that follows from the state alone."""

    event: Event


Outside = CallModel | CallTool
Performed = Outside | RunCode
Effect = Performed | Record
