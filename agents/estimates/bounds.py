"""What a task can cost at least and at most, by the engine's own rules. Plain Python, like the engine."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from agents.engine.budget import cost, worst_case
from agents.engine.effects import CallModel
from agents.engine.events import TaskAccepted
from agents.engine.types import AgentSpec, Usage

# Words, numbers and code alike come to three or four characters a token; eight leave room for every language.
MOST_BYTES_A_TOKEN = 8
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """US dollars, for a task that is completed."""

    least_usd: Decimal
    most_usd: Decimal

    def spanning(self, other: "Bounds") -> "Bounds":
        """What holds for both."""
        return Bounds(min(self.least_usd, other.least_usd), max(self.most_usd, other.most_usd))


def bounds(opening: TaskAccepted, agent: AgentSpec, first: Iterable[CallModel]) -> Bounds:
    """The bounds of a task that begins with these calls.

    At least: the first calls go well, with answers of one token. At most: the task's cap, which the engine holds before each
    call; less where only one call can be made, though every try of every model the agent has fails but the last.
    """
    if agent.strategy == "code":
        return Bounds(NOTHING, opening.limits.max_cost_usd)  # what a function asks for, only it knows
    calls = list(first)
    least = sum((cost(call.model.price, Usage(_fewest_tokens(call), 1)) for call in calls), NOTHING)
    most = opening.limits.max_cost_usd
    if _calls_once(opening, agent, calls):
        most = min(most, sum((_of_all_tries(call) for call in calls), NOTHING))
    return Bounds(min(least, most), most)


def _calls_once(opening: TaskAccepted, agent: AgentSpec, calls: Iterable[CallModel]) -> bool:
    """Whether the first answer ends the task, whatever it says: it may call nobody, and need not be mended."""
    is_last = all(call.purpose == "answer" and not call.functions for call in calls) and not agent.tools
    is_shaped = opening.input.output_schema is not None or agent.output_schema is not None
    return agent.strategy == "answer" and is_last and not is_shaped


def _of_all_tries(call: CallModel) -> Decimal:
    """A failed call may have been charged, and as it was reserved."""
    models = call.agent.models
    return sum((worst_case(replace(call, model=model)) * call.agent.max_tries for model in models), NOTHING)


def _fewest_tokens(call: CallModel) -> int:
    return sum(len(message.content.encode()) for message in call.messages) // MOST_BYTES_A_TOKEN
