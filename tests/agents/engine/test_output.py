"""Reading what a model wrote."""

import time

import pytest

from agents.engine.output import NotValid, chosen_agent, found_json, planned_questions, satisfying


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        (' [1, "ü"] ', [1, "ü"]),
        ('Here it is:\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ("```\n[2]\n```", [2]),
        ("```json\nnot this\n```\n```json  \n[3]\n```", [3]),
        ("7", 7),
        ("Seven.", None),
        ('{"a": ', None),
        ("", None),
    ],
)
def test_it_finds_the_json_of_a_text(text: str, value: object) -> None:
    assert found_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "-Infinity", "[1e999]", '"\\u0000"', '{"\\ud800": 1}'),
        pytest.param("[" * 65 + "]" * 65, id="deep"),
        pytest.param("[" * 100_000, id="too deep for the parser"),
        pytest.param("9" * 5000, id="a number of 5000 digits"),
    ],
)
def test_json_that_no_store_takes_is_none(text: str) -> None:
    assert found_json(text) is None


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ('["What is a hen?", "What is an egg?"]', ("What is a hen?", "What is an egg?")),
        ('{"plan": ["What is a hen?"], "why": "so"}', ("What is a hen?",)),
        ("1. What is a hen?\n2) What is an egg?\nThat is all.", ("What is a hen?", "What is an egg?")),
        ("- What is a hen?  \n* What is an egg?", ("What is a hen?", "What is an egg?")),
        ('["Why?", "Why?", "Who goes there?"]', ("Why?", "Who goes there?")),
        ('["One?", "Two?", "Three?", "Four?", "Five?"]', ("One?", "Two?", "Three?", "Four?")),
        ('["", "a", 5, null]', ()),
        ("1. Look it up.\n2. Write it down.", ()),
        ("I cannot plan this.", ()),
    ],
)
def test_it_reads_a_plan(text: str, questions: tuple[str, ...]) -> None:
    assert planned_questions(text) == questions


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("writer", "writer"),
        ("The agent is **Writer**.", "writer"),
        ("ghost-writer", "ghost-writer"),
        ("writer, not coder", None),
        ("screenwriter", None),
        ("", None),
    ],
)
def test_it_reads_a_routers_choice(text: str, choice: str | None) -> None:
    assert chosen_agent(text, ("coder", "writer", "ghost-writer")) == choice


def test_it_says_why_a_value_is_not_valid() -> None:
    with pytest.raises(NotValid, match=r"\$\.a: 'x' is not of type 'integer'"):
        satisfying('{"a": "x"}', {"properties": {"a": {"type": "integer"}}})


@pytest.mark.parametrize(
    "text", ["\n" * 20_000, "```" + "\n" * 20_000, "1. " + "? " * 10_000 + "x"], ids=["lines", "fence", "questions"]
)
def test_it_reads_odd_texts_quickly(text: str) -> None:
    started = time.process_time()
    planned_questions(text)
    assert time.process_time() - started < 0.5
