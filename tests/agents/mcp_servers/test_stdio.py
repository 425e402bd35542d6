"""Reading what a server writes to its pipe."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.mcp_servers.bounds import MAX_MESSAGE_BYTES, TOO_LONG
from agents.mcp_servers.stdio import Endless, Lines

ANSWER = {"jsonrpc": "2.0", "id": 7, "result": {"content": []}}


def read(data: bytes, cuts: list[int] | None = None) -> list[Any]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts or [])})
    lines = Lines()
    found = []
    for start, end in pairwise(places):
        found += lines.messages(data[start:end])
    return [entry and entry.message.model_dump(by_alias=True, exclude_unset=True) for entry in found]


@given(
    st.lists(st.sampled_from([ANSWER, {"x": 1}, "no JSON", ""]), max_size=6),
    st.lists(st.integers(0, 10**6), max_size=8),
)
def test_chunks_do_not_matter(said: list[Any], cuts: list[int]) -> None:
    data = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in said).encode()
    assert read(data, cuts) == read(data) == [line if line == ANSWER else None for line in said]


def test_a_message_that_is_too_long_answers_its_call_with_that() -> None:
    long = {**ANSWER, "result": {"text": "x" * (MAX_MESSAGE_BYTES + 1)}}
    data = f"{json.dumps(long)}\n{json.dumps(ANSWER)}\n".encode()
    refused, answered = read(data, list(range(0, len(data), 65536)))
    assert (refused["id"], refused["error"]["message"]) == (7, TOO_LONG)
    assert answered == ANSWER


def test_a_message_that_is_as_long_as_allowed_is_read() -> None:
    bare = len(json.dumps({**ANSWER, "result": {"text": ""}}))
    whole = {**ANSWER, "result": {"text": "x" * (MAX_MESSAGE_BYTES - bare)}}
    assert read(f"{json.dumps(whole)}\n".encode()) == [whole]


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.mcp_servers.stdio.MOST_BYTES_PASSED_OVER", 1024)
    lines = Lines()
    lines.messages(b"x" * MAX_MESSAGE_BYTES)
    with pytest.raises(Endless):
        lines.messages(b"x" * 2048)
