"""The values that travel through the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

Strategy = Literal["answer", "plan", "route", "review", "code"]
Role = Literal["system", "user", "assistant", "tool"]
Asks = Literal["none", "start", "result"]
OnTimeout = Literal["reject", "approve", "fail"]
GuardMode = Literal["off", "observe", "flag", "block"]
OutputGuard = Literal["off", "flag", "block"]
ToolEffect = Literal["pure", "idempotent", "unsafe"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the model asks for; `arguments` is the JSON text it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of what a model reads."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said in a conversation, as the model reads it; turns are numbered from 1."""

    number: int
    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. What has no known price cannot be called: nobody could say what it costs at most."""

    input_usd: Decimal
    output_usd: Decimal
    is_known: bool = True


FREE = Price(Decimal(0), Decimal(0))
UNPRICED = Price(Decimal(0), Decimal(0), is_known=False)


def unpriced(model: str) -> str:
    """What a client is told of a model without a price."""
    return (
        f"The model {model} has no price, so what it costs cannot be bounded and it is not called. An operator has to set "
        f"one under Money › Prices in the console, or by manage.py setprice; 0 means free."
    )


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the name the provider knows, and its price."""

    name: str
    price: Price = FREE


# What a call of a model may offer, over all providers.
MAX_FUNCTIONS = 128


@dataclass(frozen=True, slots=True)
class Function:
    """What a model may call, as it is told of it: `parameters` is a JSON Schema. `most_tokens`: what telling costs at most.

    `needs_approval`: a person has to agree to each call. `effect` says what calling it twice means.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    most_tokens: int
    needs_approval: bool = False
    effect: ToolEffect = "pure"

    @property
    def schema(self) -> dict[str, Any]:
        """It in the form of OpenAI's chat completions."""
        told = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": told}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call, as the provider counted them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """One published version of an agent: all that decides what it does. Immutable, so a task keeps its meaning.

    Each model is tried at most `max_tries` times in a row, with a backoff that begins with `backoff_seconds`. `tools` is the
    allow list as it was written, and `functions` are the tools that it means at this moment; like prices, they may change.
    Where it reads a conversation, a call takes `window_tokens` at most, the answer included. `model_settings` go into each call
    as they are; `output_schema` holds for every result that its client does not shape.

    A person has to agree before it begins, or before its result is given, as `approval` says, and to each call of a tool that
    `approval_tools` names. Without an answer for `approval_timeout_seconds`, `approval_on_timeout` is what happens. Where it has
    `topics`, it takes on what is about one of them alone. `second_opinion` is asked where the guard is in doubt.
    """

    slug: str
    description: str
    version: int
    version_id: int
    model: str
    instructions: str
    strategy: Strategy = "answer"
    tools: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    handoffs: tuple[str, ...] = ()
    temperature: float | None = None
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None
    price: Price = FREE
    fallbacks: tuple[Model, ...] = ()
    max_tries: int = 3
    backoff_seconds: float = 0.5
    functions: tuple[Function, ...] = ()
    window_tokens: int = 32_000
    approval: Asks = "none"
    approval_tools: tuple[str, ...] = ()
    approval_timeout_seconds: int = 86_400
    approval_on_timeout: OnTimeout = "reject"
    guard_mode: GuardMode = "block"
    second_opinion: Model | None = None
    output_guard: OutputGuard = "flag"
    topics: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[Model, ...]:
        """The agent's model, and those that are asked when it fails, in order."""
        return (Model(self.model, self.price), *self.fallbacks)


@dataclass(frozen=True, slots=True)
class TaskInput:
    """What the client asked for."""

    task: str
    context: Mapping[str, Any] = field(default_factory=dict)
    output_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Caps shared by the whole tree of a task; `timeout_seconds` is running time over all attempts."""

    max_cost_usd: Decimal
    max_output_tokens: int
    max_steps: int
    timeout_seconds: int
