"""The YAML that we write and read."""

import time
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agents.exchange.notation import read, write

ODD = (
    "no", "yes", "on", "null", "~", "", "true", "12:30", "190:20:30", "1e5", "1_000", "0o7", "0x1f", "2026-01-01", "=", "<<",
    ".inf", "- a", "a: b", "a #b", "# a", "%", "@a", "`a", "!a", "&a", "*a", "?", "|", ">", "{", "[a]", "'", '"', " x", "x ",
    "\n", "a\n b", "a \nb", "\ta\n", "a\n\n", "\n\na", "a\n\n\nb", "é\n\tü", "a\xa0\nb", "a\u2028b\nc", "\x85",
    "\ufeff", "\U0001f600\nx", "a\r\nb", "---", "...",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.text("ab \n\t#:-\xa0\u2028", max_size=20),
    st.sampled_from(ODD),
)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_as_it_was(value: dict[str, Any]) -> None:
    text = write(value)
    document = read(text)
    assert (document.faults, document.value) == ([], value)
    assert write(document.value) == text


@given(TEXTS)
def test_other_tools_read_the_same_texts(text: str) -> None:
    assert yaml.safe_load(write({"text": text})) == {"text": text}


def test_texts_of_several_lines_can_be_read_by_people() -> None:
    assert write({"a": "One  \n\n  two\n\tthree"}) == "a: |-\n  One  \n\n    two\n  \tthree\n"
    assert (
        write({"a": ["b", "c"], "d": Decimal("0.500000"), "e": Decimal(1), "f": []})
        == "a: [b, c]\nd: 0.5\ne: 1\nf: []\n"
    )


@pytest.mark.parametrize(
    ("text", "value"), [("no", "no"), ("12:30", "12:30"), ("0x1f", "0x1f"), ("1e3", 1000.0), ("1.5", 1.5)]
)
def test_plain_words_are_what_they_look_like(text: str, value: object) -> None:
    assert read(f"a: {text}").value == {"a": value}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: b: c", 1, "This is no YAML: mapping values are not allowed in this context."),
        ("a:\n  - b\n c", 3, "This is no YAML:"),
        ("a: 'b", 1, "This is no YAML: found unexpected end of stream."),
        ("a: 1\na: 2", 2, "a: It is there twice; keep one."),
        ("a: &x 1\nb: *x", 1, "Anchors and aliases"),
        ("a: !!python/object:os.system x", 1, "Tags such as tag:yaml.org,2002:python/object:os.system are not read."),
        ("a: !x [1]", 1, "Tags such as !x are not read."),
        ("[a]: 1", 1, "Names are text."),
        ("a: 1\n---\nb: 2", 2, "A file is one document; this begins another."),
        ("a: \x01", 1, "This is no YAML: control characters are not allowed."),
    ],
)
def test_what_is_not_read_is_told_with_its_line(text: str, line: int, message: str) -> None:
    fault = read(text).faults[0]
    assert message in f"{fault.where}: {fault.message}"
    assert fault.line == line


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\n",
        "a: &a [*a]",
        "[" * 50_000,
        "{a: " * 20_000,
        "- " * 20_000,
        "? " * 20_000,
    ],
)
def test_what_would_take_for_ever_is_refused_at_once(text: str) -> None:
    began = time.thread_time()
    assert read(text).faults
    assert time.thread_time() - began < 5


def test_it_knows_the_line_of_each_part() -> None:
    document = read("a:\n  b: 1\n  c:\n    - x\n    - y\n")
    assert [document.line_of(place) for place in (("a",), ("a", "c", 1), ("a", "d"), ("z",))] == [1, 5, 1, 1]
