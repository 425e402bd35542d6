"""What a model call may cost at most, before it is made."""

import json
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

from agents.engine import events as e
from agents.engine.effects import CallModel
from agents.engine.types import Message, Price, Usage

MILLION = Decimal(1_000_000)
BILLIONTH = Decimal("0.000000001")
MESSAGE_OVERHEAD_TOKENS = 16


def cost(price: Price, usage: Usage) -> Decimal:
    """The price of the tokens in US dollars, rounded up to a billionth: as it is stored, so that sums are exact."""
    exact = (price.input_usd * usage.input_tokens + price.output_usd * usage.output_tokens) / MILLION
    return exact.quantize(BILLIONTH, rounding=ROUND_CEILING)


def worst_case(call: CallModel) -> Decimal:
    """An upper bound in US dollars: a token is at least one byte of UTF-8, and the answer may be as long as allowed."""
    return cost(call.model.price, _most_usage(call))


def output_tokens_that_fit(call: CallModel, usd: Decimal) -> int:
    """How long the answer may be at most for the call to cost no more than this at its worst; 0 when none may."""
    price = call.model.price
    for_output = usd * MILLION - price.input_usd * _most_usage(call).input_tokens
    return max(0, int(for_output / price.output_usd)) if price.output_usd else 0


def most_tokens(call: CallModel) -> int:
    """The same bound in tokens, in and out together."""
    usage = _most_usage(call)
    return usage.input_tokens + usage.output_tokens


def _most_usage(call: CallModel) -> Usage:
    sent = sum(map(_most_tokens, call.messages)) + sum(function.most_tokens for function in call.functions)
    if call.output_schema is not None:
        sent += len(json.dumps(call.output_schema, ensure_ascii=False).encode())
    return Usage(sent, call.max_output_tokens)


def _most_tokens(message: Message) -> int:
    calls = "".join(call.id + call.name + call.arguments for call in message.tool_calls)
    overhead = MESSAGE_OVERHEAD_TOKENS * (1 + len(message.tool_calls))
    return len(f"{message.content}{calls}{message.tool_call_id}".encode()) + overhead


def fits(calls: Iterable[CallModel], spent_usd: Decimal, limit_usd: Decimal) -> bool:
    """Whether all these calls together stay within the limit, at their worst."""
    return spent_usd + sum(map(worst_case, calls), Decimal(0)) <= limit_usd


def abandoned(call: e.ModelCalled, *, is_sent: bool) -> e.ModelAbandoned:
    """The settlement of a call that nobody waits for any more."""
    return e.ModelAbandoned(
        run=call.run,
        step=call.step,
        model=call.model,
        is_sent=is_sent,
        cost_usd=call.reserved_usd if is_sent else Decimal(0),
        reserved_usd=call.reserved_usd,
    )
