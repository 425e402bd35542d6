"""What models cost, from genai-prices by the model's name, whatever the base URL. The embedded model is free."""

from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from agentplatform.logs import log
from agents.engine.types import FREE, Price

MILLION = 1_000_000


@lru_cache(maxsize=1024)
def price_of(model: str) -> Price:
    """The model's list price; a model nobody priced counts as free, and the log says so once."""
    if settings.MODEL_IS_EMBEDDED:
        return FREE
    try:
        # A thousandth of a million: some models cost more per token in very long calls.
        calculated = calc_price(PricedUsage(input_tokens=1000, output_tokens=1000), model_ref=model)
    except LookupError:
        log(__name__).warning("model_not_priced", model=model)
        return FREE
    return Price(_per_million(calculated.input_price), _per_million(calculated.output_price))


def _per_million(price_of_thousand: Decimal) -> Decimal:
    return price_of_thousand * (MILLION // 1000)
