"""The console's lists of large tables: nothing is counted, pages go by place, and searches use indexes."""

import html
import re
from io import StringIO

import django.test
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Sum
from django.test.utils import CaptureQueriesContext

from accounts.models import Client, Refusal
from agents.models import Task
from agents.usage.models import NO_CLIENT, DailyTotal, DailyUsage
from tests.api import Persona

LARGE = (
    "agents/task", "conversations/conversation", "approvals/approval", "agents/unknownoutcome", "webhooks/delivery",
    "usage/dailyusage", "feedback/feedback", "accounts/refusal", "accounts/auditentry", "money/ledgerentry",
)  # fmt: skip
OF_CLIENTS = (
    "agents/task", "conversations/conversation", "usage/dailyusage", "feedback/feedback", "accounts/refusal", "money/ledgerentry",
)  # fmt: skip
TASKS = "/admin/agents/task/"
COUNTED = re.compile(r'COUNT\([^)]*\)[^;]* FROM "(?!feedback_feedback)', re.IGNORECASE)
DISTINCT = re.compile(r"SELECT DISTINCT", re.IGNORECASE)


@pytest.fixture(autouse=True)
def filled(database: object) -> None:
    call_command("demodata", tasks=350, keys=20, stdout=StringIO(), stderr=StringIO())


@pytest.mark.parametrize("query", ["", "p=last", "q=Demo", "client__id__exact=0198f0c2-0000-7000-8000-000000000000"])
def test_no_list_counts_its_table(operator: django.test.Client, query: str) -> None:
    for name in LARGE if "client" not in query else OF_CLIENTS:
        with CaptureQueriesContext(connection) as asked:
            assert operator.get(f"/admin/{name}/?{query}").status_code == 200, name
        statements = [each["sql"] for each in asked.captured_queries]
        assert [each for each in statements if COUNTED.search(each) or DISTINCT.search(each)] == []
        own = [each for each in statements if "ORDER BY" in each and f'FROM "{name.replace("/", "_")}"' in each]
        assert own
        assert all("LIMIT" in each for each in own)


def ids(page: str) -> list[str]:
    return re.findall(r'href="/admin/agents/task/([0-9a-f-]{36})/change/', page)


def link(page: str, word: str) -> str:
    found = re.search(rf'<a href="(\?[^"]*)"[^>]*>{word}</a>', page)
    return html.unescape(found[1]) if found else ""


def test_next_and_previous_lead_through_all_rows_once(operator: django.test.Client) -> None:
    expected = [str(pk) for pk in Task.objects.order_by("-created_at", "-id").values_list("pk", flat=True)]
    page = operator.get(TASKS).text
    assert link(page, "Previous") == link(page, "First") == ""
    seen = [ids(page)]
    while address := link(page, "Next"):
        page = operator.get(TASKS + address).text
        seen.append(ids(page))
    assert [each for shown in seen for each in shown] == expected
    assert [len(shown) for shown in seen] == [50] * 7
    back = operator.get(TASKS + link(page, "Previous")).text
    assert ids(back) == seen[-2]
    assert ids(operator.get(TASKS + link(back, "First")).text) == seen[0]


def test_the_last_page_has_the_oldest_rows(operator: django.test.Client) -> None:
    page = operator.get(TASKS, {"p": "last"}).text
    assert (
        ids(page)
        == [str(pk) for pk in Task.objects.order_by("created_at", "id").values_list("pk", flat=True)[:50]][::-1]
    )
    assert link(page, "Next") == link(page, "Last") == ""
    assert link(page, "Previous")


def test_rows_of_one_moment_are_not_passed_over(operator: django.test.Client) -> None:
    Task.objects.update(created_at=Task.objects.latest("created_at").created_at)
    page, seen = operator.get(TASKS).text, list[str]()
    seen += ids(page)
    while address := link(page, "Next"):
        page = operator.get(TASKS + address).text
        seen += ids(page)
    assert len(seen) == len(set(seen)) == 350


@pytest.mark.parametrize("place", ["2", "after", "after~x~y", "before~2026~", "-1", "after~2026-11-01T00:00:00Z"])
def test_a_place_that_is_none_is_the_first_page(operator: django.test.Client, place: str) -> None:
    assert ids(operator.get(TASKS, {"p": place}).text) == ids(operator.get(TASKS).text)


def test_filters_hold_over_pages(operator: django.test.Client) -> None:
    page = operator.get(TASKS, {"status__exact": "completed"}).text
    assert "status__exact=completed" in link(page, "Next")
    failed = ids(operator.get(TASKS, {"status__exact": "failed"}).text)
    assert set(failed) == {str(pk) for pk in Task.objects.filter(status="failed").values_list("pk", flat=True)}


def test_tasks_are_found_by_ids_clients_and_metadata(operator: django.test.Client) -> None:
    def found(term: str) -> set[str]:
        return set(ids(operator.get(TASKS, {"q": term}).text))

    task = Task.objects.exclude(metadata={}).exclude(conversation_id=None).first()
    assert task is not None
    of_conversation = Task.objects.filter(conversation_id=task.conversation_id)
    assert found(str(task.pk)) == {str(task.pk)}
    assert found(task.request_id) == {str(task.pk)}
    assert found(str(task.conversation_id)) == {str(pk) for pk in of_conversation.values_list("pk", flat=True)}
    assert str(task.pk) in found(f"order={task.metadata['order']}")
    assert str(task.pk) not in found("order=none")
    few = Client.objects.exclude(tasks=None).order_by("-pk").last()
    assert few is not None
    wanted = Task.objects.filter(client=few).order_by("-created_at").values_list("pk", flat=True)[:50]
    assert found(few.name) == {str(pk) for pk in wanted}
    assert found("nobody") == set()


def test_refusals_are_found_by_their_keys(operator: django.test.Client) -> None:
    refusal = Refusal.objects.select_related("api_key").latest("pk")
    page = operator.get("/admin/accounts/refusal/", {"q": refusal.api_key.prefix})
    assert {row.api_key_id for row in page.context["cl"].result_list} == {refusal.api_key_id}


def test_filters_offer_the_values_that_there_are(operator: django.test.Client) -> None:
    page = operator.get(TASKS).text
    for agent in Task.objects.values_list("agent_type", flat=True).distinct():
        assert f"?agent_type={agent}" in page
    assert "?exit_reason=model_failed" in page
    assert "?exit_reason=completed" not in page


def test_the_totals_are_the_sums_of_the_daily_usage(database: object) -> None:
    def sums() -> tuple[object, ...]:
        whole = DailyUsage.objects.aggregate(n=Sum(F("completed") + F("failed") + F("cancelled")), usd=Sum("cost_usd"))
        totals = DailyTotal.objects.values_list("completed", "failed", "cancelled", "cost_usd")
        by_agent, by_client = (
            [sum(column) for column in zip(*rows, strict=True)]
            for rows in (totals.filter(client_id=NO_CLIENT), totals.filter(agent_type=""))
        )
        assert by_agent == by_client
        return (whole["n"], whole["usd"]) == (sum(by_agent[:3]), by_agent[3]), whole["n"]

    assert sums() == (True, Task.objects.filter(completed_at__isnull=False).count())
    some = DailyUsage.objects.latest("pk")
    DailyUsage.objects.filter(pk=some.pk).update(completed=F("completed") + 3)
    assert sums()[0]
    some.delete()
    assert sums()[0]


def test_tasks_are_found_by_what_was_asked(operator: django.test.Client, alice: Persona) -> None:
    for text in ("Where is my green parcel?", "Where is my red parcel?", "What is the time?"):
        alice.execute(text)
    page = TASKS

    def found(term: str) -> int:
        return len(operator.get(page, {"q": term}).context["cl"].result_list)

    assert found('"green parcel"') == 1
    assert found("“my” ") == 2
    assert found('"PARCEL"') == 2
    assert found('"parcel" ') == 2
    assert found('"a lorry"') == 0
    assert found('"%"') == 0, "no pattern"
