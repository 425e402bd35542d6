"""Tools by name. (Interim; being written.)"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    output: str
    is_error: bool = False


def names() -> list[str]:
    return ["calculator", "current_time"]


def function_schemas(wanted: Sequence[str]) -> list[dict[str, Any]]:
    return []


async def call(name: str, arguments: str) -> Outcome:
    return Outcome("not yet", is_error=True)
