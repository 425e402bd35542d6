"""What is checked of an answer."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evals import checks
from agents.evals.checks import Answer


def answer(value: Any = "It is 42.", **other: Any) -> Answer:
    given = {"exit_reason": "completed", "tools": frozenset(), "seconds": 1.5, "cost_usd": Decimal("0.002")}
    return Answer(value, **{**given, **other})


@pytest.mark.parametrize(
    ("kind", "value", "given", "holds"),
    [
        ("contains", "42", answer(), True),
        ("contains", "43", answer(), False),
        ("contains", '"total": 42', answer({"total": 42}), True),
        ("lacks", "sorry", answer(), True),
        ("lacks", "42", answer(), False),
        ("equals", " It is 42.\n", answer(), True),
        ("equals", "It is 43.", answer(), False),
        ("equals", '{"a": 1, "b": 2}', answer({"b": 2, "a": 1}), True),
        ("matches", r"^It is \d+\.$", answer(), True),
        ("matches", r"^\d+$", answer(), False),
        ("schema", '{"required": ["total"]}', answer({"total": 42}), True),
        ("schema", '{"required": ["total"]}', answer('{"total": 42}'), True),
        ("schema", '{"required": ["sum"]}', answer({"total": 42}), False),
        ("schema", '{"type": "object"}', answer("no JSON"), False),
        ("calls", "calculator", answer(tools=frozenset({"calculator"})), True),
        ("calls", "calculator", answer(), False),
        ("ends", "guardrail_blocked", answer(exit_reason="guardrail_blocked"), True),
        ("ends", "completed", answer(exit_reason="timed_out"), False),
        ("seconds", "2", answer(), True),
        ("seconds", "1", answer(), False),
        ("cost", "0.01", answer(), True),
        ("cost", "0.001", answer(), False),
    ],
)
def test_a_check_holds_or_says_why_not(kind: str, value: str, given: Answer, holds: bool) -> None:
    assert checks.fault(kind, value) == ""
    found = checks.judged([(kind, value)], given)[-1]
    assert (found.kind, found.value, found.holds) == (kind, value, holds)
    assert bool(found.why) is not holds


def test_an_answer_has_to_be_completed_unless_another_end_is_asked_for() -> None:
    failed = answer("Too long.", exit_reason="timed_out")
    assert [found.holds for found in checks.judged([("contains", "long")], failed)] == [False, True]
    assert [found.holds for found in checks.judged([("ends", "timed_out")], failed)] == [True]
    assert [found.holds for found in checks.judged([], answer())] == [True]


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("contains", "  ", "Say what has to hold."),
        ("matches", "(", "regular expression"),
        ("matches", "x" * 300, "regular expression"),
        ("schema", "[1]", "JSON object"),
        ("schema", "{no", "JSON object"),
        ("schema", '{"type": "thing"}', "no JSON Schema"),
        ("ends", "done", "one of completed, cancelled"),
        ("seconds", "soon", "a number above 0"),
        ("seconds", "-1", "a number above 0"),
        ("cost", "NaN", "a number above 0"),
    ],
)
def test_what_is_no_check_is_told_so(kind: str, value: str, told: str) -> None:
    assert told in checks.fault(kind, value)


def test_a_pattern_takes_linear_time() -> None:
    assert checks.judged([("matches", "^(a+)+$")], answer("a" * 50_000 + "!"))[-1].holds is False


@given(kind=st.sampled_from(sorted(checks.WHY_NOT)), value=st.text(max_size=50), text=st.text(max_size=50))
def test_whatever_passes_as_a_check_can_be_judged(kind: str, value: str, text: str) -> None:
    if not checks.fault(kind, value):
        assert checks.judged([(kind, value)], answer(text))[-1].kind == kind
