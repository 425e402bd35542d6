"""What can be checked of an answer: whether a check is well-formed, and whether it holds. Plain functions."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from agents.engine.json_schema import schema_fault, value_fault
from agents.evals.models import Check
from agents.schemas import ExitReason

Kind = Check.Kind
SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """How a case's task ended: what it gave, in which way, with which tools, how long it took and what it cost."""

    value: Any
    exit_reason: str
    tools: frozenset[str]
    seconds: float
    cost_usd: Decimal

    @property
    def text(self) -> str:
        """The answer as it is read; a structured one as JSON."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check; `why` says what is wrong where it does not hold."""

    kind: str
    value: str
    holds: bool
    why: str = ""


def fault(kind: str, value: str) -> str:
    """Why this is no check, in words for who wrote it; empty for a good one."""
    if not value.strip():
        return "Say what has to hold."
    match kind:
        case Kind.SCHEMA:
            schema = _read(value)
            if not isinstance(schema, dict):
                return "It takes a JSON Schema, which is a JSON object."
            wrong = schema_fault(schema)
            return f"This is no JSON Schema: {wrong}" if wrong else ""
        case Kind.MATCHES:
            wrong = schema_fault(_pattern(value))
            return f"It takes a regular expression of at most 200 characters: {wrong}" if wrong else ""
        case Kind.ENDS:
            reasons = get_args(ExitReason)
            return "" if value in reasons else f"It is one of {', '.join(reasons)}."
        case Kind.SECONDS | Kind.COST:
            return "" if _number(value) else "It takes a number above 0, such as 2.5."
    return ""


def judged(checks: list[tuple[str, str]], answer: Answer) -> list[Finding]:
    """What comes of all checks that need no model. An answer has to be completed unless a check names another end."""
    if not any(kind == Kind.ENDS for kind, _ in checks):
        checks = [(Kind.ENDS, "completed"), *checks]
    return [_finding(kind, value, answer) for kind, value in checks if kind != Kind.JUDGE]


def _finding(kind: str, value: str, answer: Answer) -> Finding:
    why = WHY_NOT[kind](value, answer)
    return Finding(kind, value, not why, why)


def _why_not_contains(value: str, answer: Answer) -> str:
    return "" if value in answer.text else f"It does not contain “{_short(value)}”."


def _why_not_lacks(value: str, answer: Answer) -> str:
    return f"It contains “{_short(value)}”." if value in answer.text else ""


def _why_not_equals(value: str, answer: Answer) -> str:
    is_same = answer.text.strip() == value.strip() if isinstance(answer.value, str) else answer.value == _read(value)
    return "" if is_same else f"It is “{_short(answer.text)}”."


def _why_not_matches(value: str, answer: Answer) -> str:
    return f"It does not match {value}." if value_fault(answer.text, _pattern(value)) else ""


def _why_not_schema(value: str, answer: Answer) -> str:
    read = _read(answer.value) if isinstance(answer.value, str) else answer.value
    return value_fault(answer.value if read is None else read, _read(value)) or ""


def _why_not_calls(value: str, answer: Answer) -> str:
    called = ", ".join(sorted(answer.tools)) or "none"
    return "" if value in answer.tools else f"It calls other tools: {called}."


def _why_not_ends(value: str, answer: Answer) -> str:
    return "" if value == answer.exit_reason else f"The task ended with {answer.exit_reason}."


def _why_not_seconds(value: str, answer: Answer) -> str:
    return f"It took {answer.seconds:.1f} s." if answer.seconds > float(value) else ""


def _why_not_cost(value: str, answer: Answer) -> str:
    return f"It cost ${answer.cost_usd:f}." if answer.cost_usd > Decimal(value) else ""


WHY_NOT: Mapping[str, Callable[[str, Answer], str]] = {
    Kind.CONTAINS: _why_not_contains,
    Kind.LACKS: _why_not_lacks,
    Kind.EQUALS: _why_not_equals,
    Kind.MATCHES: _why_not_matches,
    Kind.SCHEMA: _why_not_schema,
    Kind.CALLS: _why_not_calls,
    Kind.ENDS: _why_not_ends,
    Kind.SECONDS: _why_not_seconds,
    Kind.COST: _why_not_cost,
}


def _pattern(value: str) -> dict[str, Any]:
    return {"type": "string", "pattern": value}


def _read(text: str) -> Any:
    """The JSON of a text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> bool:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return False
    return number.is_finite() and number > 0


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
