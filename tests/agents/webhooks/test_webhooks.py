"""Webhooks: each end is told once or tried for a day, signed, and nobody's receiver delays another's."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import django.test
import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from accounts.models import SCOPES, AuditEntry, WebhookSecret
from agents import sweeper
from agents.models import Task
from agents.tasks import run_task
from agents.webhooks import deliveries, schedule, sender
from agents.webhooks.models import Delivery
from tests.agents.making import published
from tests.agents.webhooks.receiver import Receiver, receiving
from tests.api import Persona
from tests.scripted_model import ScriptedModel

State = Delivery.State
Newcomer = Callable[..., Persona]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    with receiving() as found:
        settings.EGRESS_ALLOWED = ["127.0.0.1:*"]
        settings.WEBHOOK_TIMEOUT_SECONDS = 1
        yield found


@pytest.fixture
def dora(newcomer: Newcomer) -> Persona:
    """A client whose key may make secrets."""
    return newcomer(scopes=list(SCOPES))


@pytest.fixture
def erin(newcomer: Newcomer) -> Persona:
    """Another such client."""
    return newcomer("erin", scopes=list(SCOPES))


@pytest.fixture
def secret(dora: Persona) -> str:
    answer = dora.post("/account/webhook-secret")
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return str(answer.json()["secret"])


@pytest.fixture
def told(dora: Persona, receiver: Receiver, secret: str) -> Callable[..., dict[str, Any]]:
    """Has Dora run a task that names the receiver, and gives the task."""

    def run(task: str = "Hello.", **fields: Any) -> dict[str, Any]:
        answer = dora.execute(task, webhook_url=fields.pop("url", receiver.url), **fields).json()
        found: dict[str, Any] = answer.get("task", answer)
        return found

    return run


def send() -> int:
    return asyncio.run(sender.once())


def due() -> None:
    """Let time pass until whatever waits is due."""
    Delivery.objects.filter(state=State.PENDING).update(next_attempt_at=timezone.now())


def test_it_tells_the_end_signed(told: Callable[..., dict[str, Any]], receiver: Receiver, secret: str) -> None:
    task = told(metadata={"order": "A-17"})
    assert send() == 1
    [call] = receiver.calls
    body = Webhook(secret).verify(call.body, call.headers)
    assert body["type"] == "task.completed"
    assert body["data"] == task
    delivery = Delivery.objects.get()
    assert call.headers["webhook-id"] == str(delivery.pk)
    assert (delivery.state, delivery.status_code, delivery.attempts) == (State.DELIVERED, 200, 1)
    assert send() == 0, "once"


def test_a_changed_body_or_another_secret_does_not_verify(
    told: Callable[..., dict[str, Any]], receiver: Receiver, secret: str, erin: Persona
) -> None:
    told()
    send()
    [call] = receiver.calls
    for body, key in (
        (call.body.replace("completed", "cancelled"), secret),
        (call.body, erin.post("/account/webhook-secret").json()["secret"]),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, call.headers)


@pytest.mark.parametrize("how", ["failed", "cancelled", "cached", "background", "swept"])
def test_each_way_to_end_is_told(
    how: str, told: Callable[..., dict[str, Any]], receiver: Receiver, model: ScriptedModel, dora: Persona
) -> None:
    match how:
        case "failed":
            model.fails(400)
            told()
        case "cached":
            dora.execute("Hello.")
            assert told()["cached"]
        case "cancelled":
            dora.post(f"/agent/cancel/{told(async_execution=True)['task_id']}")
        case "background":
            queued = told(async_execution=True)
            assert send() == 0, "it has not ended"
            dora.post(f"/agent/cancel/{queued['task_id']}")
        case "swept":
            told(async_execution=True)
            Task.objects.update(created_at=timezone.now() - timedelta(hours=25))
            sweeper.sweep({"timed_out": sweeper.time_out})
    assert send() == 1
    [call] = receiver.calls
    body = json.loads(call.body)
    assert body["type"] == f"task.{body['data']['status']}"
    wanted = {"failed": "failed", "swept": "failed", "cached": "completed"}.get(how, "cancelled")
    assert body["data"]["status"] == wanted


def test_what_a_person_is_asked_is_told_at_once(
    told: Callable[..., dict[str, Any]], receiver: Receiver, secret: str, dora: Persona
) -> None:
    published("careful", approval="result")
    task = told(agent_type="careful")
    assert send() == 1
    [call] = receiver.calls
    body = Webhook(secret).verify(call.body, call.headers)
    assert (body["type"], body["approval_id"]) == ("approval.requested", "a1")
    assert body["data"] == task
    assert body["data"]["approvals"][0]["text"] == task["approvals"][0]["text"] != ""
    answer = {"approval_id": body["approval_id"], "decision": "approve"}
    assert dora.post(f"/agent/approve/{task['task_id']}", json=answer).status_code == 200
    run_task(task["task_id"])
    assert send() == 1
    assert json.loads(receiver.calls[-1].body)["type"] == "task.completed"


def test_a_call_about_an_approval_that_is_sent_late_says_how_it_stands(
    told: Callable[..., dict[str, Any]], receiver: Receiver, dora: Persona
) -> None:
    published("careful", approval="start")
    receiver.answers.append(500)
    task = told(agent_type="careful")
    send()
    dora.post(f"/agent/approve/{task['task_id']}", json={"approval_id": "a1", "decision": "reject"})
    due()
    send()
    first, second = (json.loads(call.body) for call in receiver.calls)
    assert first["data"]["approvals"][0]["decision"] is None
    assert second["data"]["approvals"][0]["decision"] == "reject"


def test_a_task_without_an_address_tells_nobody(dora: Persona, secret: str) -> None:
    dora.execute()
    assert not Delivery.objects.exists()


def test_it_tries_again_with_the_same_body_and_id(told: Callable[..., dict[str, Any]], receiver: Receiver) -> None:
    told()
    receiver.answers.extend([500, 503])
    assert send() == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status_code) == (State.PENDING, 500)
    assert "answered 500" in delivery.fault
    assert delivery.next_attempt_at is not None
    wait = (delivery.next_attempt_at - timezone.now()).total_seconds()
    assert 4 < wait < 6
    assert send() == 0, "not yet"
    due()
    send()
    due()
    send()
    assert len({(call.headers["webhook-id"], call.body) for call in receiver.calls}) == 1
    assert len(receiver.calls) == 3
    delivery.refresh_from_db()
    assert (delivery.state, delivery.fault) == (State.DELIVERED, "")


def test_it_gives_up_after_a_day_and_sends_again_when_told(
    told: Callable[..., dict[str, Any]], receiver: Receiver, operator: django.test.Client
) -> None:
    assert 24 * 3600 <= sum(schedule.WAITS_SECONDS) <= 25 * 3600
    told()
    receiver.answers.extend([500] * schedule.MOST_ATTEMPTS)
    for _ in range(schedule.MOST_ATTEMPTS):
        due()
        assert send() == 1
    due()
    assert send() == 0
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (State.FAILED, schedule.MOST_ATTEMPTS)
    page = operator.get("/admin/webhooks/delivery/?state__exact=failed").content.decode()
    assert str(receiver.url) in page
    operator.post("/admin/webhooks/delivery/", {"action": "send_again", "_selected_action": [str(delivery.pk)]})
    assert send() == 1
    delivery.refresh_from_db()
    assert delivery.state == State.DELIVERED


def test_a_receiver_that_says_it_is_gone_is_left_alone(told: Callable[..., dict[str, Any]], receiver: Receiver) -> None:
    told()
    receiver.answers.append(410)
    send()
    assert Delivery.objects.get().state == State.FAILED


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "http://127.0.0.1:1/elsewhere"])
def test_redirects_are_not_followed(told: Callable[..., dict[str, Any]], receiver: Receiver, location: str) -> None:
    told()
    receiver.answers.append(302)
    receiver.location = location
    send()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status_code) == (State.PENDING, 302)
    assert "redirects are not followed" in delivery.fault


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://[::1]/x", "http://169.254.169.254/x", "http://10.0.0.1/x"]
)
def test_addresses_inside_are_not_called(url: str, told: Callable[..., dict[str, Any]], settings: Settings) -> None:
    settings.EGRESS_ALLOWED = []
    told(url=url)
    send()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status_code) == (State.PENDING, None)
    assert delivery.fault


def test_a_receiver_that_hangs_delays_no_other(
    told: Callable[..., dict[str, Any]], receiver: Receiver, erin: Persona
) -> None:
    """Ten deliveries wait for one that hangs; another client's goes out in the first round."""
    for number in range(10):
        told(f"Number {number}.")
    erin.post("/account/webhook-secret")
    with receiving() as other:
        erin.execute("Mine.", webhook_url=other.url)
        receiver.holds.set()

        async def rounds() -> None:
            sending = sender.Sender()
            assert await sending.round() == sender.OF_EACH_ENDPOINT + 1
            assert await sending.round() == 0, "it is busy enough"
            await sending.all_sent()

        asyncio.run(rounds())
        assert len(other.calls) == 1
    faults = set(Delivery.objects.filter(attempts=1, state=State.PENDING).values_list("fault", flat=True))
    assert len(faults) == 1
    assert faults != {""}


def test_two_senders_never_take_the_same(told: Callable[..., dict[str, Any]]) -> None:
    for number in range(6):
        told(f"Number {number}.")
    first = deliveries.take(3, each=3)
    second = deliveries.take(10, each=10)
    assert len(first) == len(second) == 3
    assert not {message.id for message in first} & {message.id for message in second}


def test_a_rotated_secret_signs_beside_the_new_one(
    told: Callable[..., dict[str, Any]], receiver: Receiver, secret: str, dora: Persona
) -> None:
    answer = dora.post("/account/webhook-secret").json()
    assert answer["previous_expires_at"] is not None
    told()
    send()
    [call] = receiver.calls
    for each in (secret, answer["secret"]):
        assert Webhook(each).verify(call.body, call.headers)
    newest = dora.post("/account/webhook-secret").json()["secret"]
    told("Again.")
    send()
    call = receiver.calls[-1]
    assert Webhook(newest).verify(call.body, call.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(call.body, call.headers)


def test_secrets_are_nowhere_in_plain(secret: str) -> None:
    row = WebhookSecret.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_webhooksecret")
        [(stored,)] = cursor.fetchall()
    assert secret not in stored
    audited = AuditEntry.objects.filter(subject_kind="webhook secret").get()
    assert secret not in str(audited.changes)
    assert row.secret not in str(audited.changes)


def test_without_a_secret_no_address_is_taken(dora: Persona) -> None:
    answer = dora.execute(webhook_url="https://example.org/hook")
    assert answer.status_code == 400
    assert "POST /account/webhook-secret" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://example.org", "https://user:pass@example.org/", "https://", "https://a b/", "x" * 2001],
)
def test_nonsense_is_no_address(url: str, dora: Persona, secret: str) -> None:
    answer = dora.execute(webhook_url=url)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "webhook_url"


def test_making_secrets_is_for_keys_that_manage_keys(newcomer: Newcomer) -> None:
    assert newcomer(scopes=["execute"]).post("/account/webhook-secret").status_code == 403


def test_an_operator_makes_a_secret_for_a_client(dora: Persona, operator: django.test.Client) -> None:
    address = f"/admin/accounts/client/{dora.client.pk}/webhook-secret/"
    assert "no webhook secret yet" in operator.get(address).content.decode()
    page = operator.post(address).content.decode()
    assert "whsec_" in page
    assert "whsec_" not in operator.get(address).content.decode()


def test_old_deliveries_are_forgotten(told: Callable[..., dict[str, Any]]) -> None:
    told()
    send()
    told("Again.")
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    assert deliveries.prune() == 1
    assert Delivery.objects.get().state == State.PENDING, "what is not delivered stays"
