"""Masks what a client's tasks may not hold, at the doors: in what it sends, and in what tools and models answer.

So what is masked reaches neither model, journal, cache, stream nor result.
"""

import json
from dataclasses import replace
from typing import Any, cast

from django.conf import settings

from agents.engine import events as e
from agents.engine.types import ToolCall
from agents.guards import masking
from agents.guards.masking import Masking
from agents.orders import Order


def of_order(order: Order) -> Order:
    """The order without what its client's masking names, in its task, context and metadata."""
    if not (mode := order.caller.masking):
        return order
    request = order.request
    changed = {
        "task": text(request.task, mode),
        "context": _value(request.context, mode),
        "metadata": _value(request.metadata, mode),
    }
    return replace(order, request=request.model_copy(update=changed))


def text(written: str, mode: str) -> str:
    """A text without it; the texts within, where it is JSON, so that it stays JSON."""
    if not mode:
        return written
    if written.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(written)
        except (ValueError, RecursionError):
            pass
        else:
            return json.dumps(_value(value, mode), ensure_ascii=False)
    return masking.masked(written, cast(Masking, mode), phone_region=settings.PHONE_REGION)


def calls(made: tuple[ToolCall, ...], mode: str) -> tuple[ToolCall, ...]:
    """The calls of a model, without it in their arguments."""
    return tuple(replace(call, arguments=text(call.arguments, mode)) for call in made) if mode else made


def of_result(event: e.CodeReturned, mode: str) -> e.CodeReturned:
    """What a function returned, without it."""
    return replace(event, result=_value(event.result, mode)) if mode else event


def _value(value: Any, mode: str) -> Any:
    return masking.masked_value(value, cast(Masking, mode), phone_region=settings.PHONE_REGION)
