"""The Idempotency-Key: sending a request again gives the same task."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db.models.functions import Now

from agents import sweeper
from agents.models import IdempotencyKey
from tests.api import Persona
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

KEY = {"Idempotency-Key": "order-17"}


def test_the_same_key_gives_the_same_task(alice: Persona, bob: Persona, model: ScriptedModel) -> None:
    first = alice.execute(headers=KEY, cache="bypass")
    again = bob.execute(headers=KEY, cache="bypass")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(model.requests) == 1


def test_in_the_background_too(alice: Persona) -> None:
    first = alice.execute(headers=KEY, async_execution=True)
    again = alice.execute(headers=KEY, async_execution=True)
    assert again.status_code == 202
    assert again.json()["task_id"] == first.json()["task_id"]


def test_and_streamed(alice: Persona, model: ScriptedModel) -> None:
    with alice.stream(headers=KEY) as first, alice.stream(headers=KEY) as again:
        assert again.text == first.text != ""
        assert again.response.headers["idempotent-replayed"] == "true"
    assert len(model.requests) == 1


def test_while_it_still_runs(alice: Persona, model: ScriptedModel) -> None:
    hold = model.holds("Once.")
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(alice.execute, "Do it.", headers=KEY, cache="bypass") for _ in range(5)]
        eventually(lambda: model.requests)
        hold.release()
        answers = [future.result() for future in asked]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert len(model.requests) == 1
    assert alice.execute("Another.").headers["x-ratelimit-remaining"] == "98", "the five count as one"


def test_another_body_is_refused(alice: Persona) -> None:
    alice.execute("One thing.", headers=KEY)
    answer = alice.execute("Another.", headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_request_is_not_remembered(alice: Persona) -> None:
    assert alice.execute("", headers=KEY).status_code == 400
    assert alice.execute("Now it is right.", headers=KEY).status_code == 200


def test_a_replay_is_not_counted(alice: Persona) -> None:
    first = alice.execute(headers=KEY)
    alice.execute(headers=KEY)
    third = alice.execute("Another.")
    assert int(third.headers["x-ratelimit-remaining"]) == int(first.headers["x-ratelimit-remaining"]) - 1


def test_a_key_is_free_again_after_a_day(alice: Persona) -> None:
    first = alice.execute("One thing.", headers=KEY)
    IdempotencyKey.objects.update(created_at=Now() - timedelta(hours=23))
    sweeper.sweep()
    assert alice.execute("One thing.", headers=KEY).json() == first.json()
    IdempotencyKey.objects.update(created_at=Now() - timedelta(hours=24, seconds=1))
    assert sweeper.sweep()["forgotten"] == 1
    assert "idempotent-replayed" not in alice.execute("Another.", headers=KEY).headers


def test_another_clients_key_is_its_own(alice: Persona, charlie: Persona) -> None:
    one, other = alice.execute(headers=KEY), charlie.execute(headers=KEY)
    assert one.json()["task_id"] != other.json()["task_id"]
    assert "idempotent-replayed" not in other.headers


def test_a_failed_task_is_replayed_as_it_failed(alice: Persona, model: ScriptedModel) -> None:
    model.fails(400)
    first = alice.execute(headers=KEY)
    again = alice.execute(headers=KEY)
    assert (first.status_code, again.status_code) == (502, 502)
    assert again.json()["task"] == first.json()["task"]
