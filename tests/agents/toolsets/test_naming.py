"""The names of toolsets' tools."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agents.toolsets.naming import tool_name

FUNCTION = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@given(st.from_regex(r"[a-z][a-z0-9-]{0,29}", fullmatch=True), st.lists(st.text(max_size=90), max_size=20))
def test_each_tool_gets_a_name_of_its_own_that_models_may_call(toolset: str, remote_names: list[str]) -> None:
    taken: set[str] = set()
    for remote_name in remote_names:
        name = tool_name(toolset, remote_name, taken)
        assert name not in taken
        assert FUNCTION.fullmatch(name)
        assert name.partition("__")[0] == toolset
        taken.add(name)


def test_a_fit_name_stays_as_it_is() -> None:
    assert tool_name("github", "create_issue", ()) == "github__create_issue"
    assert tool_name("github", "issues/create", {"github__issues_create"}) == "github__issues_create-2"
