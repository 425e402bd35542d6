"""Money in the console and on the command line."""

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import django.test
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import AuditEntry, Client
from accounts.money.models import Balance, Budget, LedgerEntry, Price, Pruning
from tests.api import Persona
from tests.fixtures import World
from tests.scripted_model import ScriptedModel


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def wonderland(database: World) -> Client:
    return Client.objects.get(name="Wonderland")


def form(owner: Client, **fields: Any) -> dict[str, Any]:
    return {
        "client": owner.pk,
        "api_key": "",
        "period": "day",
        "limit_usd": "5",
        "is_hard": "on",
        "is_active": "on",
        **fields,
    }


def test_a_budget_is_made_changed_and_written_down(operator: django.test.Client, wonderland: Client) -> None:
    operator.post("/admin/money/budget/add/", form(wonderland))
    budget = Budget.objects.get()
    assert (budget.client, budget.period, budget.limit_usd, budget.is_hard) == (wonderland, "day", 5, True)
    operator.post(f"/admin/money/budget/{budget.pk}/change/", form(wonderland, limit_usd="7"))
    entry = AuditEntry.objects.filter(action="changed").get()
    assert [Decimal(limit) for limit in entry.changes["limit_usd"]] == [5, 7]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limit_usd": "-1"}, "greater than or equal to 0"),
        ({"limit_usd": "1000000001"}, "less than or equal to 1000000000"),
        ({"limit_usd": "much"}, "Enter a number."),
        ({"limit_usd": "0.0000000001"}, "no more than 9 decimal places"),
        ({"limit_usd": ""}, "This field is required."),
        ({"period": "year"}, "Select a valid choice"),
    ],
)
def test_the_form_says_what_is_wrong(
    operator: django.test.Client, wonderland: Client, fields: dict[str, Any], message: str
) -> None:
    assert message in operator.post("/admin/money/budget/add/", form(wonderland, **fields)).text
    assert not Budget.objects.exists()


def test_a_key_of_another_client_is_refused(operator: django.test.Client, wonderland: Client, charlie: Persona) -> None:
    page = operator.post("/admin/money/budget/add/", form(wonderland, api_key=charlie.api_key.pk)).text
    assert "This key belongs to another client." in page


def test_the_pages_show_the_burn(operator: django.test.Client, alice: Persona, model: ScriptedModel) -> None:
    Budget.objects.create(client=alice.client, period="lifetime", limit_usd=Decimal("0.000001"), is_hard=False)
    alice.execute()
    for page in ("/admin/money/budget/", f"/admin/accounts/client/{alice.client.pk}/change/"):
        assert "overspent" in operator.get(page).text
    for page in ("/admin/money/ledgerentry/", "/admin/money/price/", "/admin/money/pruning/"):
        assert operator.get(page).status_code == 200
    assert "gpt-5-mini" in operator.get("/admin/money/ledgerentry/").text


def test_setbudget_makes_and_changes(wonderland: Client) -> None:
    said("setbudget", "--client", "Wonderland", "--period", "day", "--limit", "2.50")
    said("setbudget", "--client", "Wonderland", "--period", "day", "--limit", "3", "--off")
    budget = Budget.objects.get()
    assert (budget.limit_usd, budget.is_active) == (3, False)
    assert AuditEntry.objects.filter(actor_kind="command").count() == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--client", "Nobody", "--limit", "1"], "there is no client 'Nobody'"),
        (["--client", "Wonderland", "--limit", "-1"], "--limit: Ensure this value is greater than or equal to 0"),
        (["--client", "Wonderland", "--limit", "NaN"], "--limit: 'NaN' is no amount"),
        (["--client", "Wonderland", "--limit", "1e30"], "--limit: Ensure"),
        (["--client", "Wonderland"], "--limit: there is no such budget yet"),
        (["--client", "Wonderland", "--key", "ap_x", "--limit", "1"], "--key: client 'Wonderland' has no key"),
    ],
)
def test_setbudget_says_what_is_wrong(wonderland: Client, options: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        said("setbudget", *options)
    assert not Budget.objects.exists()


def test_setprice_dates_a_price(database: World) -> None:
    said("setprice", "house-model", "--input", "0", "--output", "0.5")
    price = Price.objects.get()
    assert (price.model, price.input_usd, price.output_usd) == ("house-model", 0, Decimal("0.5"))
    with pytest.raises(CommandError, match="--input: Ensure this value is greater than or equal to 0"):
        said("setprice", "house-model", "--input", "-1", "--output", "0")


def test_the_ledger_takes_new_rows_alone(alice: Persona, model: ScriptedModel) -> None:
    alice.execute()
    for statement in (
        "UPDATE money_ledgerentry SET amount_usd = 0",
        "DELETE FROM money_ledgerentry",
        "TRUNCATE money_ledgerentry",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert LedgerEntry.objects.count() == 1


def test_checkledger_tells_each_difference(alice: Persona, model: ScriptedModel) -> None:
    Budget.objects.create(client=alice.client, period="lifetime", limit_usd=1)
    alice.execute()
    assert said("checkledger") == "Ledger, balances and tasks add up.\n"
    Balance.objects.update(spent_usd=5, reserved_usd=1)
    out = StringIO()
    with pytest.raises(CommandError, match="2 differences"):
        call_command("checkledger", stdout=out)
    assert "$5.000000000 spent, but its entries" in out.getvalue()


def test_pruning_keeps_the_sums(alice: Persona, model: ScriptedModel) -> None:
    Budget.objects.create(client=alice.client, period="lifetime", limit_usd=1)
    alice.execute()
    balance, now = Balance.objects.get(), timezone.now()
    LedgerEntry.objects.create(
        task_id=uuid4(), seq=1, client=alice.client, model="m", run="0", step=1, kind="answered", reserved_usd=1,
        amount_usd=Decimal("0.25"), balances=[balance.pk], at=now - timedelta(days=60),
    )  # fmt: skip
    Balance.objects.update(spent_usd=balance.spent_usd + Decimal("0.25"))
    with pytest.raises(CommandError, match="35 days have to stay"):
        said("pruneledger", "--before", f"{now:%Y-%m-%d}")
    assert "1 entries of $0.25 are deleted" in said("pruneledger", "--before", f"{now - timedelta(days=40):%Y-%m-%d}")
    assert (LedgerEntry.objects.count(), Pruning.objects.count(), Balance.objects.get().carried_usd) == (
        1,
        1,
        Decimal("0.25"),
    )
    assert said("checkledger") == "Ledger, balances and tasks add up.\n"
