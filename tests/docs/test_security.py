"""docs/security.md has every item of the two lists, each with a control, a test and what is left.

That the tests exist, test_links.py checks.
"""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ITEMS = [f"API{number}" for number in range(1, 11)] + [f"LLM{number:02}" for number in range(1, 11)]


def rows() -> dict[str, list[str]]:
    lines = (
        line.strip("| \n").split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| (API|LLM)\d", line)
    )
    return {cells[0].split()[0]: cells for cells in lines}


def test_every_item_has_a_row() -> None:
    assert list(rows()) == ITEMS


@pytest.mark.parametrize("item", ITEMS)
def test_a_row_says_what_is_done_what_shows_it_and_what_is_left(item: str) -> None:
    risk, control, shown_by, left = rows()[item]
    assert len(risk) > len(item)
    assert control
    assert re.findall(r"`tests/[\w/]+\.py(?:::\w+)?`", shown_by)
    assert left
