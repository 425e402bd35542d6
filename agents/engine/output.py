"""Reading what a model wrote: JSON that should satisfy a schema, a plan's questions, a critique, a router's choice."""

import contextlib
import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from agents.engine.json_schema import value_fault

FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL)
NUMBERED = re.compile(r"^[ \t]*(?:\d{1,2}[.)]|[-*•])[ \t]+(.+\?)[ \t]*$", re.MULTILINE)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_QUESTIONS = 4
MAX_DEPTH = 64


class NotValid(ValueError):
    """The text does not satisfy the schema; the message says why, for the model to mend it."""


def satisfying(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in the text, checked against the schema. Raises NotValid."""
    value = found_json(text)
    if value is None:
        raise NotValid("The answer is not JSON.")
    if fault := value_fault(value, schema):
        raise NotValid(fault)
    return value


def found_json(text: str) -> Any:
    """The JSON value a text is or holds in a fence; None when there is none, or none that can be kept."""
    for candidate in (text, *FENCED.findall(text)):
        with contextlib.suppress(ValueError):
            return read_json(candidate)
    return None


def read_json(text: str) -> Any:
    """The JSON value that a model wrote, when the store and other programs can take it. Raises ValueError."""
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error
    if not _can_be_kept(value):
        raise ValueError("It cannot be kept.")
    return value


def _finite(text: str) -> float:
    """Python reads NaN and 1e999 as numbers; JSON has no such numbers, and no store takes them."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _can_be_kept(value: object, depth: int = 0) -> bool:
    """Whether the store takes its strings, and it is not nested so deeply that writing it down fails."""
    if isinstance(value, str):
        return not UNSTORABLE.search(value)
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    return not isinstance(value, list) or (depth < MAX_DEPTH and all(_can_be_kept(item, depth + 1) for item in value))


def planned_questions(text: str) -> tuple[str, ...]:
    """The sub-questions of a plan, from a JSON list or a numbered list; empty when the plan is unusable."""
    value = found_json(text)
    if isinstance(value, Mapping):
        value = next((item for item in value.values() if isinstance(item, list)), None)
    if not isinstance(value, list):
        value = NUMBERED.findall(text)
    questions = [item.strip() for item in value if isinstance(item, str) and 3 < len(item.strip()) <= 500]
    return tuple(dict.fromkeys(questions))[:MAX_QUESTIONS]


def objections(text: str) -> str:
    """What a critic wants changed; empty when it approves, or its critique is unusable."""
    critique = found_json(text)
    if not isinstance(critique, Mapping) or critique.get("approved") is not False:
        return ""
    remarks = critique.get("remarks")
    told = remarks if isinstance(remarks, list) else [remarks]
    return "\n".join(remark.strip() for remark in told if isinstance(remark, str)).strip()


def chosen_agent(text: str, candidates: Collection[str]) -> str | None:
    """The candidate a router's answer names, when it names exactly one."""
    named = {name for name in candidates if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE)}
    return named.pop() if len(named) == 1 else None
