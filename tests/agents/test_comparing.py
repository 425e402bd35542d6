"""Two versions side by side."""

import re

import django.test
import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from agents.comparing import compared, lines
from agents.models import Agent
from tests.agents.making import draft, published

XSS = "<script>alert(1)</script>"
TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30).map("\n".join)


@given(TEXTS, TEXTS)
def test_the_lines_lead_from_one_text_to_the_other(old: str, new: str) -> None:
    told = [line for group in lines(old, new) for line in group]
    before, after = old.splitlines(), new.splitlines()
    for line in told:
        assert line.old is None or before[(line.old_number or 0) - 1] == line.old
        assert line.new is None or after[(line.new_number or 0) - 1] == line.new
        assert (line.mark == "same") == (line.old == line.new)
    gone, come = (
        {getattr(line, name) for line in told if line.mark != "same"} for name in ("old_number", "new_number")
    )
    kept = [text for number, text in enumerate(before, 1) if number not in gone]
    assert kept == [text for number, text in enumerate(after, 1) if number not in come]


def test_long_equal_parts_are_left_out() -> None:
    many = [f"Line {number}." for number in range(200)]
    groups = lines("\n".join(many), "\n".join(["New.", *many[:100], "Between.", *many[100:]]))
    assert [len(group) for group in groups] == [6, 11]


def test_every_field_is_compared(operator: django.test.Client) -> None:
    old = published("poet", instructions="One.\nTwo.", tools=["calculator"], output_schema={"type": "object"})
    new = draft("poet", instructions="One.\n2.\nThree.", tools=[], output_schema={"type": "object"}, max_steps=3)
    assert [field.name for field in compared(old, new) if field.differs] == ["instructions", "tools", "max_steps"]


def page(operator: django.test.Client, old: int | str, new: int | str, slug: str = "poet", status: int = 200) -> str:
    url = reverse("admin:agents_agent_compare", args=[Agent.objects.get(slug=slug).pk])
    answer = operator.get(url, {"old": old, "new": new}, follow=True)
    assert answer.status_code == status
    return answer.content.decode()


def test_the_page_marks_what_differs(operator: django.test.Client) -> None:
    published("poet", instructions="One.\nTwo.\nFour.", tools=["calculator"])
    draft("poet", instructions="One.\n2.\nThree.\nFour.\nFive.", tools=[])
    shown = page(operator, 1, 2)
    rows = dict(re.findall(r'<tr class="(differs)?">\s*<th scope="row">(\w+)</th>', shown) and [
        (name, mark) for mark, name in re.findall(r'<tr class="(differs)?">\s*<th scope="row">(\w+)</th>', shown)
    ])  # fmt: skip
    assert {name for name, mark in rows.items() if mark} == {"instructions", "tools"}
    assert len(rows) == 23
    assert re.findall(r'<tr class="(same|changed|added|removed)">', shown) == [
        "same",
        "changed",
        "added",
        "same",
        "added",
    ]
    assert shown.count("≠") == 3, "two fields and the explanation"


def test_it_is_reached_from_the_agents_page(operator: django.test.Client) -> None:
    published("poet")
    draft("poet")
    agent = Agent.objects.get(slug="poet")
    shown = operator.get(reverse("admin:agents_agent_change", args=[agent.pk])).content.decode()
    assert f'action="{reverse("admin:agents_agent_compare", args=[agent.pk])}" id="compare"' in shown
    assert re.findall(r'name="(old|new)" value="(\d)" checked', shown) == [("new", "2"), ("old", "1")]


def test_what_operators_wrote_is_escaped(operator: django.test.Client) -> None:
    published("poet", description=XSS, instructions=XSS)
    draft("poet", description="Other.", instructions=f"{XSS}\n{XSS}", output_schema={"description": XSS})
    assert XSS not in page(operator, 1, 2)
    assert XSS not in operator.get(reverse("admin:agents_agent_change", args=[Agent.objects.get(slug="poet").pk])).text


@pytest.mark.parametrize(("old", "new"), [("1", "9"), ("", "1"), ("x", "1"), ("-1", "1"), ("1" * 30, "1"), ("١", "1")])
def test_versions_that_do_not_exist_are_told(operator: django.test.Client, old: str, new: str) -> None:
    published("poet")
    assert "Choose two versions of poet by their numbers" in page(operator, old, new)


def test_it_is_for_those_who_may_look(operator: django.test.Client) -> None:
    agent = published("poet").agent
    url = reverse("admin:agents_agent_compare", args=[agent.pk])
    assert django.test.Client().get(url, {"old": 1, "new": 1}).status_code == 302
    assert operator.get(reverse("admin:agents_agent_compare", args=[999_999])).status_code == 404
