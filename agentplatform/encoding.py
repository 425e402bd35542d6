"""JSON on its way out."""

import json
from collections.abc import Callable
from typing import Any

import orjson


def encoded(data: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """`data` as compact JSON; `default` gives something plainer for a value that JSON does not know.

    Numbers may be of any size: what a client or a model sent, and PostgreSQL kept, we can send back.
    """
    try:
        return orjson.dumps(data, default=default)
    except TypeError:
        # orjson writes no integer beyond 64 bits. If that was not the reason, this raises again.
        return json.dumps(data, default=default, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
