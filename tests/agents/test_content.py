"""What a version of an agent says, checked alike at every door."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from agents import content
from agents.engine.types import Strategy
from agents.models import AgentVersion

PLAIN: dict[str, Any] = {"description": "Rhymes.", "instructions": "Answer in rhyme."}
KNOWN = content.Known("poet", ("calculator",), ("general", "writer"))


def test_what_is_not_said_is_the_default_of_the_table() -> None:
    kept, faults = content.checked(PLAIN, KNOWN)
    assert faults == []
    assert kept == content.of(AgentVersion(**PLAIN))


def test_its_choices_are_those_of_the_table() -> None:
    assert set(get_args(content.Content.model_fields["guard_mode"].annotation)) == set(AgentVersion.GuardMode.values)
    assert set(get_args(content.Content.model_fields["strategy"].annotation)) == set(get_args(Strategy)) - {"code"}
    assert set(AgentVersion.Strategy.values) == set(get_args(Strategy))


def test_texts_are_kept_with_one_kind_of_line_break() -> None:
    kept, _ = content.checked({"description": " Rhymes. ", "instructions": "\r\n One\r\ntwo\rthree\n"}, KNOWN)
    assert (kept["description"], kept["instructions"]) == ("Rhymes.", "One\ntwo\nthree")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"max_cost_usd": "0.25"}, Decimal("0.25")),
        ({"max_cost_usd": 0.1}, Decimal("0.1")),
        ({"max_cost_usd": 2}, Decimal(2)),
        ({"temperature": 1}, 1.0),
        ({"max_steps": 3.0}, 3),
        ({"model_settings": {"stop": "END", "top_p": 1, "seed": 7}}, {"stop": ["END"], "top_p": 1.0, "seed": 7}),
        ({"model_settings": {}}, {}),
        ({"delegates": ["writer", "general"]}, ["writer", "general"]),
    ],
)
def test_what_means_the_same_is_kept_the_same(given: dict[str, Any], kept: object) -> None:
    found, faults = content.checked({**PLAIN, **given}, KNOWN)
    assert faults == []
    assert found[next(iter(given))] == kept


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"instructions": " \n"}, "instructions", "It may not be empty."),
        ({"instructions": "a\x00b"}, "instructions", "No control characters"),
        ({"instructions": "\ud800"}, "instructions", "It takes text"),
        ({"instructions": "x" * 100_001}, "instructions", "It takes text of at most 100,000 characters."),
        ({"description": "x" * 301}, "description", "It takes one sentence of at most 300 characters."),
        ({"strategy": "guess"}, "strategy", "It takes answer, plan, route or review."),
        ({"guard_mode": False}, "guard_mode", "It takes off, observe, flag or block."),
        ({"tools": ["hammer"]}, "tools", "There is no tool 'hammer'; there are: calculator."),
        ({"tools": "calculator"}, "tools", "It takes a list of tools' names"),
        ({"tools": ["calculator", "calculator"]}, "tools", "Name each once; 'calculator' is there twice."),
        ({"delegates": ["nobody"]}, "delegates", "There is no agent 'nobody'; there are: general, writer."),
        ({"delegates": ["poet"]}, "delegates", "An agent cannot name itself"),
        ({"handoffs": ["poet"]}, "handoffs", "An agent cannot name itself"),
        ({"fallback_models": ["gpt-5-mini"]}, "fallback_models", "It falls back to itself"),
        ({"model": "m", "fallback_models": ["m"]}, "fallback_models", "It falls back to itself"),
        ({"fallback_models": list("abcdef")}, "fallback_models", "at most 5 models' names"),
        ({"model": " m"}, "model", "A model's name has no spaces around it"),
        ({"temperature": 2.1}, "temperature", "It takes a number from 0 to 2"),
        ({"max_steps": 0}, "max_steps", "It takes a whole number from 1 to 1,000."),
        ({"max_steps": True}, "max_steps", "It takes a whole number from 1 to 1,000."),
        ({"max_steps": "3"}, "max_steps", "It takes a whole number from 1 to 1,000."),
        ({"max_cost_usd": "0"}, "max_cost_usd", "It takes US dollars above 0"),
        ({"max_cost_usd": "0.0000001"}, "max_cost_usd", "with at most six decimals."),
        ({"max_cost_usd": "1e999999999"}, "max_cost_usd", "It takes US dollars above 0"),
        ({"max_cost_usd": "NaN"}, "max_cost_usd", "It takes US dollars above 0"),
        ({"timeout_seconds": 86_401}, "timeout_seconds", "from 1 to 86,400"),
        ({"cache_seconds": -1}, "cache_seconds", "from 0 to 2,592,000"),
        ({"output_schema": {"type": "nonsense"}}, "output_schema", "This is no JSON Schema: 'nonsense' is not valid"),
        ({"output_schema": []}, "output_schema", "It takes a JSON Schema, or nothing for plain text."),
        ({"output_schema": {"enum": ["x" * 40_000]}}, "output_schema", "At most 32768 bytes as JSON."),
        ({"output_schema": {"default": float("nan")}}, "output_schema", "JSON knows neither NaN nor infinity."),
        ({"output_schema": {"default": "\x00"}}, "output_schema", "No NUL characters"),
        ({"output_schema": {1: {}}}, "output_schema", "Names in it are text; put 1 in quotes."),
        ({"model_settings": {"top_p": 0}}, "model_settings.top_p", "It takes a number above 0, at most 1."),
        ({"model_settings": {"seed": 1.5}}, "model_settings.seed", "It takes a whole number from 0 to 2^53."),
        ({"model_settings": {"stop": []}}, "model_settings.stop", "It takes one to four texts"),
        ({"model_settings": {"verbosity": "loud"}}, "model_settings.verbosity", "It takes low, medium or high."),
        ({"model_settings": {"top-p": 1}}, "model_settings.top-p", "There is no such setting; did you mean top_p?"),
        ({"model_settings": {"base_url": "http://x"}}, "model_settings.base_url", "There is no such setting; there are: top_p"),
        ({"model_settings": {"api_key": "k"}}, "model_settings.api_key", "There is no such setting"),
        ({"model_settings": {"model": "m"}}, "model_settings.model", "There is no such setting"),
        ({"model_settings": [1]}, "model_settings", "It takes settings by their names"),
        ({"max_step": 3}, "max_step", "There is no such field; did you mean max_steps?"),
        ({"colour": "red"}, "colour", "There is no such field; there are: description, instructions"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_what_would_be_right(fields: dict[str, Any], field: str, message: str) -> None:
    kept, faults = content.checked({**PLAIN, **fields}, KNOWN)
    assert kept == {}
    (fault,) = (fault for fault in faults if fault.field.startswith(field))
    assert message in fault.message


def test_all_faults_are_told_at_once() -> None:
    _, faults = content.checked({"max_steps": 0, "model_settings": {"seed": "x", "url": "y"}}, KNOWN)
    assert [fault.field for fault in faults] == [
        "description", "instructions", "model_settings.seed", "model_settings.url", "max_steps",
    ]  # fmt: skip
    assert faults[0].message == "It is missing; it takes one sentence of at most 300 characters."


def test_the_document_names_every_field() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (Path(__file__).parents[2] / "docs/agents.md").read_text(), re.MULTILINE)
    assert tuple(rows[: len(content.FIELDS)]) == content.FIELDS
