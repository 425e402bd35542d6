"""What the journal's events mean in money. Every write of a journal passes here, within its transaction."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from accounts.money import budgets
from accounts.money.models import LedgerEntry
from accounts.money.movements import Movements, Payer, Settlement
from agents.engine import events as e

Kind = LedgerEntry.Kind
SETTLING = (e.ModelAnswered, e.ModelFailed, e.ModelAbandoned)


def record(
    payer: Payer,
    first_seq: int,
    new: Sequence[e.Event],
    *,
    has_budgets: bool,
    set_aside: Mapping[str, Decimal] | None = None,
) -> None:
    """Reserve what these events call for and settle what they end; `set_aside` is kept for the first calls of a queued task.

    Raises BudgetExceeded: then nothing of the write may stand.
    """
    budgets.record(payer, _movements(first_seq, new, set_aside or {}), has_budgets=has_budgets)


def record_unbudgeted(writes: Sequence[tuple[Payer, int, Sequence[e.Event]]]) -> None:
    """Settle what these events of several tasks end, where no budget counts and nothing is reserved: the ledger alone moves."""
    budgets.write_ledger((payer, _movements(first_seq, new, {}).settled) for payer, first_seq, new in writes)


def _movements(first_seq: int, new: Sequence[e.Event], set_aside: Mapping[str, Decimal]) -> Movements:
    settled: list[Settlement] = []
    called: dict[str, Decimal] = {}
    for seq, event in enumerate(new, first_seq):
        if isinstance(event, e.ModelCalled):
            called[event.run] = event.reserved_usd
        # Called in this same write, it was never sent: the write comes before the call.
        elif isinstance(event, SETTLING) and called.pop(event.run, None) is None:
            settled.append(settlement(seq, event))
    is_over = any(isinstance(event, e.TaskEnded) for event in new)
    return Movements(tuple(settled), called, set_aside, is_over)


def settlement(seq: int, event: e.ModelAnswered | e.ModelFailed | e.ModelAbandoned) -> Settlement:
    """What the end of a model call, the journal's event of this number, comes to in money."""
    kind, tokens = Kind.FAILED, (0, 0)
    match event:
        case e.ModelAnswered():
            kind, tokens = Kind.ANSWERED, (event.usage.input_tokens, event.usage.output_tokens)
        case e.ModelAbandoned():
            kind = Kind.UNKNOWN if event.is_sent else Kind.UNSENT
    return Settlement(seq, event.run, event.step, event.model, kind, event.cost_usd, event.reserved_usd, *tokens)
