"""JSON and CSV on their way out."""

import json
from collections.abc import Callable
from typing import Any

import orjson

# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """`value` for a cell of CSV; a text that a spreadsheet would run gets a ' before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def encoded(data: Any, default: Callable[[Any], Any] | None = None) -> bytes:
    """`data` as compact JSON; `default` gives something plainer for a value that JSON does not know.

    Numbers may be of any size: what a client or a model sent, and PostgreSQL kept, we can send back.
    """
    try:
        return orjson.dumps(data, default=default)
    except TypeError:
        # orjson writes no integer beyond 64 bits. If that was not the reason, this raises again.
        return json.dumps(data, default=default, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
