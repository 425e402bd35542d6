"""Reading what a model wrote: JSON that should satisfy a schema, a plan's questions, a router's choice."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match

FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
NUMBERED = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+(.+\?)\s*$", re.MULTILINE)
MAX_QUESTIONS = 4


class NotValid(ValueError):
    """The text does not satisfy the schema; the message says why, for the model to mend it."""


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Why this is no JSON Schema (draft 2020-12), or None when it is one."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message
    return None


def satisfying(text: str, schema: Mapping[str, Any]) -> Any:
    """The JSON value in the text, checked against the schema. Raises NotValid."""
    value = found_json(text)
    if value is None:
        raise NotValid("The answer is not JSON.")
    if fault := best_match(Draft202012Validator(schema).iter_errors(value)):
        raise NotValid(f"{fault.json_path}: {fault.message[:500]}")
    return value


def found_json(text: str) -> Any:
    """The JSON value a text is or holds in a fence; None when there is none."""
    for candidate in (text, *FENCED.findall(text)):
        try:
            return json.loads(candidate)
        except (ValueError, RecursionError):
            continue
    return None


def planned_questions(text: str) -> tuple[str, ...]:
    """The sub-questions of a plan, from a JSON list or a numbered list; empty when the plan is unusable."""
    value = found_json(text)
    if isinstance(value, Mapping):
        value = next((item for item in value.values() if isinstance(item, list)), None)
    if not isinstance(value, list):
        value = NUMBERED.findall(text)
    questions = [item.strip() for item in value if isinstance(item, str) and 3 < len(item.strip()) <= 500]
    return tuple(dict.fromkeys(questions))[:MAX_QUESTIONS]


def chosen_agent(text: str, candidates: Collection[str]) -> str | None:
    """The candidate a router's answer names, when it names exactly one."""
    named = {name for name in candidates if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)}
    return named.pop() if len(named) == 1 else None
