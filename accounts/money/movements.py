"""What happened to money in one write of a task: values on their way from the journal's events to the balances."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose money it is: the task's client, and the key that sent the task, while there is one."""

    task_id: UUID
    client_id: UUID
    api_key_id: UUID | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A model call's end. `seq` is the number of the journal's event that tells it."""

    seq: int
    run: str
    step: int
    model: str
    kind: str
    amount_usd: Decimal
    reserved_usd: Decimal
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Movements:
    """All of one write: first what was settled, then what is to be reserved, by the run that calls.

    `set_aside_usd` waits with a queued task for its first call. `is_over`: the task has ended, nothing may stay reserved.
    """

    settled: tuple[Settlement, ...] = ()
    called: Mapping[str, Decimal] = field(default_factory=dict)
    set_aside: Mapping[str, Decimal] = field(default_factory=dict)
    is_over: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether no money moves."""
        return not (self.settled or self.called or self.set_aside or self.is_over)
