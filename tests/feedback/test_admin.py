"""Feedback in the operators' console."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from feedback.models import Feedback
from tests.api import Persona
from tests.feedback.conftest import Give


@pytest.fixture
def opinions(alice: Persona, charlie: Persona, give: Give) -> dict[str, str]:
    """Three opinions by their comments: their task_ids."""
    return {
        "Splendid": give(alice, 5, comment="Splendid", tags=["short"]),
        "Dreadful": give(charlie, 2, comment="Dreadful", tags=["long", "rude"], correction="Say it kindly"),
        "Middling": give(charlie, 3, agent_type="writer", comment="Middling", tags=["long"]),
    }


def listed(operator: Client, **query: Any) -> tuple[set[str], list[list[str]]]:
    """The comments in the list, and the table of averages above it."""
    page = operator.get(reverse("admin:feedback_feedback_changelist"), query)
    assert page.status_code == 200
    text = page.content.decode()
    shown = {comment for comment in ("Splendid", "Dreadful", "Middling") if comment in text}
    table = text.split("Average rating per agent", 1)[1].split("</table>", 1)[0]
    rows = [re.findall(r"<td[^>]*>\s*(.*?)\s*</td>", row, re.DOTALL) for row in table.split("<tbody")[1:]]
    return shown, rows


def test_it_shows_all_with_the_averages_per_agent(operator: Client, opinions: dict[str, str]) -> None:
    assert listed(operator) == (set(opinions), [["general", "3.50", "2"], ["writer", "3.00", "1"]])


@pytest.mark.parametrize(
    ("query", "comments", "averages"),
    [
        ({"rating": "5"}, {"Splendid"}, [["general", "5.00", "1"]]),
        ({"rating": "x"}, {"Splendid", "Dreadful", "Middling"}, [["general", "3.50", "2"], ["writer", "3.00", "1"]]),
        ({"agent": "writer"}, {"Middling"}, [["writer", "3.00", "1"]]),
        ({"tag": "long"}, {"Dreadful", "Middling"}, [["general", "2.00", "1"], ["writer", "3.00", "1"]]),
        ({"q": "dread"}, {"Dreadful"}, [["general", "2.00", "1"]]),
        ({"q": "kindly"}, {"Dreadful"}, [["general", "2.00", "1"]]),
        ({"q": "nothing of that"}, set(), []),
    ],
)
def test_it_filters_and_searches(
    operator: Client, opinions: dict[str, str], query: dict[str, str], comments: set[str], averages: list[list[str]]
) -> None:
    assert listed(operator, **query) == (comments, averages)


def test_it_filters_by_client_and_by_date(operator: Client, alice: Persona, opinions: dict[str, str]) -> None:
    Feedback.objects.filter(task_id=opinions["Middling"]).update(created_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert listed(operator, client__id__exact=str(alice.client.pk))[0] == {"Splendid"}
    assert listed(operator, created_at__lt="2026-01-02 00:00:00+00:00")[0] == {"Middling"}


def test_it_offers_the_tags_in_use_and_the_agents(operator: Client, opinions: dict[str, str]) -> None:
    page = operator.get(reverse("admin:feedback_feedback_changelist")).content.decode()

    assert "long (2)" in page
    assert "?tag=rude" in page
    assert "?agent=writer" in page


def test_it_shows_all_that_was_said(operator: Client, opinions: dict[str, str]) -> None:
    address = reverse("admin:feedback_feedback_change", args=[opinions["Dreadful"]])

    page = operator.get(address).content.decode()

    for said in (opinions["Dreadful"], "Dreadful", "Say it kindly", "long, rude", "general", "charlie"):
        assert said in page


def test_nobody_writes_in_a_clients_name(operator: Client, opinions: dict[str, str]) -> None:
    row = opinions["Dreadful"]

    for name, arguments in (("add", []), ("change", [row]), ("delete", [row])):
        answer = operator.post(reverse(f"admin:feedback_feedback_{name}", args=arguments), {"rating": "5"})
        assert answer.status_code == 403
    assert Feedback.objects.get(task_id=row).rating == 2
