"""What differs between two versions of an agent: every field, and those of several lines line by line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, Literal

from agents import content
from agents.models import AgentVersion
from agents.presenting import money

Mark = Literal["same", "changed", "removed", "added"]
CONTEXT_LINES = 5
BY_LINES = ("instructions", "output_schema", "model_settings")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the older text beside one of the newer; None where one of them has none."""

    mark: Mark
    old_number: int | None
    old: str | None
    new_number: int | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of both versions. `lines` has groups of lines, with what is equal left out between them."""

    name: str
    old: str
    new: str
    lines: tuple[tuple[Line, ...], ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the versions differ in it."""
        return self.old != self.new


def compared(old: AgentVersion, new: AgentVersion) -> list[Field]:
    """All fields of two versions side by side."""
    return [_field(name, _shown(getattr(old, name)), _shown(getattr(new, name))) for name in content.FIELDS]


def lines(old: str, new: str) -> tuple[tuple[Line, ...], ...]:
    """The lines that differ, in groups with some equal lines around; no group when none does."""
    before, after = old.splitlines(), new.splitlines()
    groups = SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT_LINES)
    return tuple(tuple(line for step in group for line in _lines(step, before, after)) for group in groups)


def _lines(step: tuple[str, int, int, int, int], old: list[str], new: list[str]) -> Iterator[Line]:
    tag, i1, i2, j1, j2 = step
    for left, right in zip_longest(range(i1, i2), range(j1, j2)):
        mark: Mark = (
            "same" if tag == "equal" else "removed" if right is None else "added" if left is None else "changed"
        )
        yield Line(
            mark,
            None if left is None else left + 1,
            None if left is None else old[left],
            None if right is None else right + 1,
            None if right is None else new[right],
        )


def _field(name: str, old: str, new: str) -> Field:
    return Field(name, old, new, lines(old, new) if name in BY_LINES else ())


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return money(value)
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict):
        return json.dumps(value, indent=2, ensure_ascii=False)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
