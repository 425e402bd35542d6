"""What models cost: by an operator's dated price, else the list; a model without a price is not called."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import django.test
import pytest
from django.utils import timezone

from accounts.money.models import LedgerEntry, Price
from agents import prices, teams
from agents.models import AgentVersion, Task
from tests.api import Persona
from tests.scripted_model import ScriptedModel


@pytest.fixture
def use(alice: Persona) -> Callable[..., None]:
    """`use("house-model")`: the model of an agent from now on."""

    def use(model: str, agent: str = "general") -> None:
        AgentVersion.objects.filter(agent__slug=agent, status="published").update(model=model)
        teams.forget()

    return use


def set_price(model: str, usd: str, **ago: int) -> None:
    valid_from = timezone.now() - timedelta(**ago)
    Price.objects.create(model=model, input_usd=Decimal(usd), output_usd=Decimal(usd), valid_from=valid_from)
    prices.forget()
    teams.forget()


def test_a_model_without_a_price_is_refused_before_there_is_a_task(
    alice: Persona, model: ScriptedModel, use: Callable[..., None]
) -> None:
    use("house-model")
    answer = alice.execute()
    body = answer.json()
    assert (answer.status_code, body["code"], body["rule"]) == (402, "budget_exceeded", "unpriced_model")
    assert "The model house-model has no price" in body["detail"]
    assert "setprice" in body["detail"]
    assert (model.calls, Task.objects.count()) == (0, 0)


def test_a_delegate_without_a_price_ends_the_task_at_its_turn(
    alice: Persona, model: ScriptedModel, use: Callable[..., None]
) -> None:
    use("house-model")
    model.answers("1. What is it?\n2. Why is it?")
    task = alice.execute("What and why?", agent_type="research").json()["task"]
    assert task["exit_reason"] == "budget_exceeded"
    assert "house-model has no price" in task["error"]["message"]
    assert model.calls == 1


def test_a_price_of_0_makes_it_free(alice: Persona, model: ScriptedModel, use: Callable[..., None]) -> None:
    use("house-model")
    set_price("house-model", "0", days=1)
    task = alice.execute().json()
    assert (task["status"], task["cost_usd"]) == ("completed", "0")


def test_the_price_of_the_day_holds(alice: Persona, model: ScriptedModel, use: Callable[..., None]) -> None:
    set_price("gpt-5-mini", "1", days=2)
    set_price("gpt-5-mini", "100", days=1)
    set_price("gpt-5-mini", "5", days=-1)
    task = alice.execute().json()
    tokens = task["usage"]["input_tokens"] + task["usage"]["output_tokens"]
    assert Decimal(task["cost_usd"]) == Decimal(tokens) * 100 / 1_000_000
    assert LedgerEntry.objects.get().amount_usd == Decimal(task["cost_usd"])


def test_the_model_that_comes_with_the_platform_is_free(
    alice: Persona, model: ScriptedModel, use: Callable[..., None]
) -> None:
    use("smollm2-135m-instruct")
    assert alice.execute().json()["cost_usd"] == "0"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_usd": "-1"}, "greater than or equal to 0"),
        ({"output_usd": "100001"}, "less than or equal to 100000"),
        ({"input_usd": "a lot"}, "Enter a number."),
        ({"input_usd": "NaN"}, "Enter a number."),
        ({"model": ""}, "This field is required."),
        ({"valid_from_0": "2020-01-01"}, "This is in the past"),
    ],
)
def test_the_form_says_what_is_wrong(operator: django.test.Client, fields: dict[str, str], message: str) -> None:
    form = {"model": "m", "input_usd": "1", "output_usd": "2", "valid_from_0": "2099-01-01", "valid_from_1": "00:00:00"}
    answer = operator.post("/admin/money/price/add/", {**form, **fields})
    assert message in answer.text
    assert not Price.objects.exists()


def test_a_price_is_made_and_dated_in_the_console(operator: django.test.Client) -> None:
    assert operator.get("/admin/money/price/add/").status_code == 200
    form = {"model": "m", "input_usd": "1", "output_usd": "2", "valid_from_0": "2099-01-01", "valid_from_1": "00:00:00"}
    operator.post("/admin/money/price/add/", form)
    assert Price.objects.get().valid_from.year == 2099
