"""What a job's answer has to be, and whether it is."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: the HTTP status, the task or the problem, and its journal's lines."""

    http_status: int
    body: Mapping[str, Any]
    steps: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def task(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("task", self.body)
        return found

    @property
    def text(self) -> str:
        """The result as text."""
        result = self.task.get("result")
        return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


def faults(check: Mapping[str, Any], outcome: Outcome) -> list[str]:
    """What is wrong with an outcome, in words; nothing when the job is done. Raises KeyError for a check that there is not."""
    is_refused = "code" in check or "error" in check
    expected = dict(check) if is_refused else {"status": "completed", **check}
    found = (CHECKS[kind](wanted, outcome) for kind, wanted in expected.items())
    return [fault for fault in found if fault]


def _number(wanted: Any, outcome: Outcome) -> str:
    """The last number of the answer, to a hundredth of a percent: models tell what they computed with before it."""
    numbers = NUMBER.findall(outcome.text)
    try:
        said = [Decimal(number.replace(",", "")) for number in numbers]
    except InvalidOperation:
        said = []
    aim = Decimal(str(wanted))
    is_near = any(abs(number - aim) <= abs(aim) / 10_000 for number in said[-3:])
    return "" if is_near else f"it should say {wanted}, and its numbers are {', '.join(numbers) or 'none'}"


def _contains(wanted: Any, outcome: Outcome) -> str:
    missing = [each for each in _listed(wanted) if _plain(each) not in _plain(outcome.text)]
    return f"it should contain {', '.join(missing)}" if missing else ""


def _any_of(wanted: Any, outcome: Outcome) -> str:
    is_there = any(_plain(each) in _plain(outcome.text) for each in _listed(wanted))
    return "" if is_there else f"it should contain one of: {', '.join(_listed(wanted))}"


def _lacks(wanted: Any, outcome: Outcome) -> str:
    there = [each for each in _listed(wanted) if _plain(each) in _plain(outcome.text)]
    return f"it should not contain {', '.join(there)}" if there else ""


def _matches(wanted: Any, outcome: Outcome) -> str:
    return "" if re.search(str(wanted), outcome.text, re.IGNORECASE) else f"it should match {wanted}"


def _json(wanted: Any, outcome: Outcome) -> str:
    """The result has these members with these values; it may have more."""
    result = outcome.task.get("result")
    return (
        ""
        if _has(result, wanted)
        else f"its JSON should have {json.dumps(wanted, ensure_ascii=False)}, and is {json.dumps(result)}"
    )


def _has(result: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(result, Mapping) and all(
            name in result and _has(result[name], each) for name, each in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(result, list) and len(result) == len(wanted) and all(map(_has, result, wanted))
    if isinstance(wanted, str) and isinstance(result, str):
        return _plain(result) == _plain(wanted)
    return bool(result == wanted)


def _status(wanted: Any, outcome: Outcome) -> str:
    status = outcome.task.get("status") if outcome.http_status < 400 or "task" in outcome.body else "refused"
    told = outcome.body.get("detail") or (outcome.task.get("error") or {}).get("message") or ""
    return "" if status == wanted else f"it should end as {wanted}, and is {status}: {told}"


def _code(wanted: Any, outcome: Outcome) -> str:
    code = outcome.body.get("code")
    return "" if code == wanted else f"it should be refused with {wanted}, and the code is {code}"


def _error(wanted: Any, outcome: Outcome) -> str:
    reason = outcome.task.get("exit_reason")
    return "" if reason == wanted else f"it should fail with {wanted}, and ends with {reason}"


def _tools(wanted: Any, outcome: Outcome) -> str:
    called = {step["data"]["call"]["name"] for step in outcome.steps if step["type"] == "ToolCalled"}
    missing = [each for each in _listed(wanted) if each not in called]
    return (
        f"it should call {', '.join(missing)}, and called {', '.join(sorted(called)) or 'nothing'}" if missing else ""
    )


def _agents(wanted: Any, outcome: Outcome) -> str:
    worked = {step.get("agent") for step in outcome.steps}
    missing = [each for each in _listed(wanted) if each not in worked]
    return f"{', '.join(missing)} should work on it" if missing else ""


def _listed(wanted: Any) -> list[str]:
    return [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]


def _plain(text: str) -> str:
    """Without what is a matter of style: case, thousands' separators, white space."""
    return " ".join(re.sub(r"(?<=\d),(?=\d{3})", "", text).lower().split())


CHECKS: Mapping[str, Callable[[Any, Outcome], str]] = {
    "number": _number, "contains": _contains, "any_of": _any_of, "lacks": _lacks, "matches": _matches, "json": _json,
    "status": _status, "code": _code, "error": _error, "tools": _tools, "agents": _agents,
}  # fmt: skip
