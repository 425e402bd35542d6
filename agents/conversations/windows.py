"""How much a model can read at once, in tokens."""

from functools import lru_cache

from django.conf import settings
from genai_prices import Usage, calc_price

LOCAL_WINDOW_TOKENS = 8_192


def window_of(*models: str) -> int:
    """What the smallest of these models can read in a conversation: CONVERSATION_WINDOW_TOKENS, or less where less is known."""
    return min([settings.CONVERSATION_WINDOW_TOKENS, *(known for model in models if (known := _known(model)))])


@lru_cache(maxsize=1024)
def _known(model: str) -> int | None:
    """The model's own window, as the list of prices has it."""
    if settings.MODEL_IS_EMBEDDED or model == settings.LOCAL_MODEL:
        return LOCAL_WINDOW_TOKENS
    try:
        return calc_price(Usage(input_tokens=1, output_tokens=1), model_ref=model).model.context_window
    except LookupError:
        return None
