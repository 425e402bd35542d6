"""Whose the demo data are: clients with keys, budgets and secrets. Nobody knows the secret of any of these keys."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from django.db.models import QuerySet

from accounts import webhook_secrets
from accounts.audit import Actor
from accounts.keys import ALPHABET, START
from accounts.models import Client, Tier
from accounts.money.models import Budget
from agents.demo import texts
from agents.demo.copying import copy, execute

NAMED = "Demo: "
MARK = "de30de30da7a"
"""Ends the id of each demo client, so that one that an operator named like them is not taken for one."""
KEYS_A_CLIENT = 10
MOST_BUDGETS = 300
MOST_WEBHOOKS = 50
USES = (
    "production",
    "staging",
    "nightly jobs",
    "web shop",
    "mobile app",
    "reports",
    "help desk",
    "imports",
    "chat",
    "tests",
)
PERIODS = """
    CREATE TEMP TABLE demo_balance ON COMMIT PRESERVE ROWS AS
    SELECT balance.id, budget.client_id, balance.period_start AS begins, balance.period_start + interval '1 month' AS ends
    FROM money_balance balance JOIN money_budget budget ON budget.id = balance.budget_id
    WHERE budget.client_id::text LIKE %s
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A key with its client. `webhook_url`: where its client hears of ended tasks."""

    client_id: UUID
    key_id: UUID
    name: str
    tier: str
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class Owners:
    """All keys, the busiest first, with how much each calls in comparison."""

    keys: Sequence[Owner]
    shares: Sequence[float]

    def some(self, dice: random.Random, count: int) -> list[Owner]:
        """So many callers."""
        return dice.choices(self.keys, cum_weights=self.shares, k=count)


def all_clients() -> QuerySet[Client]:
    """The demo's clients."""
    return Client.objects.filter(name__startswith=NAMED, id__endswith=MARK)


def make(dice: random.Random, keys: int, since: datetime, until: datetime) -> Owners:
    """Clients and so many keys, made before `since`, with budgets for each month up to `until`."""
    made = since - timedelta(days=3)
    tiers = list(Tier.objects.order_by("pk"))
    clients = []
    for number, name in enumerate(texts.client_names(max(3, keys // KEYS_A_CLIENT))):
        tier = dice.choices(tiers, weights=[len(tiers) - at for at in range(len(tiers))])[0]
        masking = dice.choices(("", "secrets", "personal"), weights=(20, 2, 1))[0]
        clients.append(
            (_id(dice, made), NAMED + name, tier.pk, True, masking, made + timedelta(seconds=number), tier.slug)
        )
    columns = ("id", "name", "tier_id", "is_active", "masking", "created_at")
    copy("accounts_client", columns, (row[:6] for row in clients))
    ids = [UUID(str(row[0])) for row in clients]
    hooked = dict.fromkeys(ids[: min(MOST_WEBHOOKS, max(1, len(ids) // 8))])
    for client_id in hooked:
        webhook_secrets.rotate(client_id, actor=Actor("command", "demodata"))
    owners = []
    rows = []
    for number in range(keys):
        row = clients[number] if number < len(clients) else dice.choice(clients)
        client_id, name = row[0], str(row[1])
        key_id = _id(dice, made, marked=False)
        url = (
            f"https://hooks.{name.removeprefix(NAMED).split()[0].lower()}.example/agentplatform"
            if client_id in hooked
            else ""
        )
        owners.append(Owner(client_id, key_id, name, str(row[6]), url))
        rows.append(_key(dice, client_id, key_id, made, until))
    copy("accounts_apikey", KEY_COLUMNS, rows)
    _budgets(ids, since, until)
    shares = list(accumulate(1 / (rank + 3) ** 0.9 for rank in range(keys)))
    return Owners(owners, shares)


KEY_COLUMNS = (
    "id", "client_id", "name", "prefix", "digest", "family", "scopes", "allowed_agent_types", "allowed_networks", "is_active",
    "expires_at", "last_used_at", "created_at", "revoked_at",
)  # fmt: skip


def _key(dice: random.Random, client_id: UUID, key_id: UUID, made: datetime, until: datetime) -> tuple[object, ...]:
    prefix = START + "".join(dice.choices(ALPHABET, k=8))
    state = dice.choices(("active", "revoked", "inactive", "expired", "expiring"), weights=(85, 6, 3, 3, 3))[0]
    ends = {"expired": until - timedelta(days=dice.randrange(1, 40)), "expiring": until + timedelta(days=30)}.get(state)
    scopes = dice.choices(("[]", '["execute", "read"]', '["read", "usage"]'), weights=(16, 3, 1))[0]
    revoked = until - timedelta(days=dice.randrange(1, 30)) if state == "revoked" else None
    used = until - timedelta(minutes=dice.expovariate(1 / 600))
    # 32 bytes that are the digest of no secret that anybody has.
    digest = dice.randbytes(32)
    return (
        key_id, client_id, dice.choice(USES), prefix, digest, key_id, scopes, "[]", "[]", state != "inactive", ends,
        min(used, ends or used, revoked or used), made, revoked,
    )  # fmt: skip


def _budgets(clients: Sequence[UUID], since: datetime, until: datetime) -> None:
    """A hard budget of each month for some clients, a soft one beside it for a few; what it allows is said in the end."""
    for number, client_id in enumerate(clients[::3][:MOST_BUDGETS]):
        for is_hard in (True, False)[: 1 + (number % 10 == 0)]:
            budget = Budget.objects.create(
                client_id=client_id, period=Budget.Period.MONTH, limit_usd=1000, is_hard=is_hard
            )
            execute("UPDATE money_budget SET created_at = %s WHERE id = %s", since - timedelta(days=1), budget.pk)
            month = since.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            while month <= until:
                budget.balances.create(period_start=month)
                month = (month + timedelta(days=32)).replace(day=1)
    execute("DROP TABLE IF EXISTS demo_balance")
    execute(PERIODS, f"%{MARK}")


def _id(dice: random.Random, moment: datetime, *, marked: bool = True) -> UUID:
    made = new_id(dice, moment)
    return UUID(str(made)[:24] + MARK) if marked else made


def new_id(dice: random.Random, moment: datetime) -> UUID:
    """A UUIDv7 of this moment."""
    milliseconds = int(moment.timestamp() * 1000)
    number = milliseconds << 80 | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62)
    return UUID(int=number)
