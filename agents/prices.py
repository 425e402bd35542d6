"""What models cost, by the model's name, whatever the base URL: an operator's dated price, else the list price.

The list is genai-prices'. The small local model that comes with the platform is free. Each process keeps the operators'
prices in memory and reads them anew every few seconds; which of them holds is decided by the time of each call.
"""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from accounts.money import models as money
from agentplatform.database import in_database
from agentplatform.errors import Unavailable
from agentplatform.logs import log
from agents.engine.types import FREE, UNPRICED, AgentSpec, Model, Price

MILLION = 1_000_000
KEPT_SECONDS = 2.0

# By model, the newest first: (valid from, price).
_own: dict[str, list[tuple[datetime, Price]]] = {}
_read_at = -KEPT_SECONDS


def price_of(model: str) -> Price:
    """The price that a call of the model has now; UNPRICED when nobody named one, and the log says so once."""
    if settings.MODEL_IS_EMBEDDED or model == settings.LOCAL_MODEL:
        return FREE
    if own := _own.get(model):
        now = datetime.now(UTC)
        for valid_from, price in own:
            if valid_from <= now:
                return price
    return _listed(model)


def with_prices_of_now(team: Mapping[str, AgentSpec]) -> dict[str, AgentSpec]:
    """The same agents, at what their models cost at this moment."""
    return {slug: _priced(spec) for slug, spec in team.items()}


def read() -> None:
    """Read the operators' prices, unless that was done a moment ago. To be run in a database thread."""
    global _own, _read_at
    if time.monotonic() - _read_at < KEPT_SECONDS:
        return
    own: dict[str, list[tuple[datetime, Price]]] = {}
    for row in money.Price.objects.order_by("model", "-valid_from"):
        own.setdefault(row.model, []).append((row.valid_from, Price(row.input_usd, row.output_usd)))
    _own, _read_at = own, time.monotonic()


async def refresh() -> None:
    """The same from the event loop. While PostgreSQL is away, what was read last goes on to hold."""
    if time.monotonic() - _read_at >= KEPT_SECONDS:
        with contextlib.suppress(Unavailable):
            await in_database(read)


def forget() -> None:
    """Drop what this process keeps, so that a change is seen at once."""
    global _own, _read_at
    _own, _read_at = {}, -KEPT_SECONDS
    _listed.cache_clear()


def _priced(spec: AgentSpec) -> AgentSpec:
    fallbacks = tuple(Model(model.name, price_of(model.name)) for model in spec.fallbacks)
    opinion = spec.second_opinion and Model(spec.second_opinion.name, price_of(spec.second_opinion.name))
    return replace(spec, price=price_of(spec.model), fallbacks=fallbacks, second_opinion=opinion)


@lru_cache(maxsize=1024)
def _listed(model: str) -> Price:
    try:
        # A thousandth of a million: some models cost more per token in very long calls.
        calculated = calc_price(PricedUsage(input_tokens=1000, output_tokens=1000), model_ref=model)
    except LookupError:
        log(__name__).warning("model_not_priced", model=model)
        return UNPRICED
    return Price(_per_million(calculated.input_price), _per_million(calculated.output_price))


def _per_million(price_of_thousand: Decimal) -> Decimal:
    return price_of_thousand * (MILLION // 1000)
