"""JSON as a journal can keep it."""

import json
import re
from typing import Any, TypeAlias

from agents.code.errors import AgentError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
MAX_BYTES = 256 * 1024
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def kept(value: object, what: str) -> Any:
    """The value as it comes back from a journal. Raises AgentError for what is no JSON, or too large."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        if len(text.encode(errors="replace")) > MAX_BYTES:
            raise AgentError(f"{what} has more than {MAX_BYTES // 1024} KiB.")
        return _clean(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentError(f"{what} is no JSON.") from error


def clean(text: str) -> str:
    """The text without what no store takes."""
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return clean(value)
        case list():
            return [_clean(item) for item in value]
        case dict():
            return {clean(name): _clean(item) for name, item in value.items()}
    return value
