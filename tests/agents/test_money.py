"""Money on a real PostgreSQL: whatever is called, answered, lost, cancelled, handed over or ended, in whatever order and at
once, budgets hold and nothing is lost or counted twice. What must hold is checked after every step.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.db.models import Sum
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from uuid_utils.compat import uuid7

from accounts.models import ApiKey
from accounts.money.models import Balance, Budget, LedgerEntry, Reservation
from agentplatform.errors import BudgetExceeded
from agents import journal, lifecycle, sweeper
from agents.engine import events as e
from agents.engine.budget import abandoned
from agents.engine.state import fold
from agents.engine.types import RunLimits, TaskInput, Usage
from agents.models import AgentVersion, Task
from agents.teams import specs_of
from tests.fixtures import World

Status = Task.Status
ENDED = e.TaskEnded(status="completed", exit_reason="completed", result="Yes.")
RUNS = ("0", "0.1", "0.2")
prices = st.sampled_from([Decimal("0.000000001"), Decimal("0.3"), Decimal(1), Decimal(2)])
shares = st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1)])


@dataclass
class Runner:
    """A process that runs a task, as far as it knows."""

    task_id: UUID
    token: int
    open: dict[str, e.ModelCalled] = field(default_factory=dict)
    step: int = 0

    @property
    def holder(self) -> lifecycle.Holder:
        return lifecycle.Holder(self.task_id, self.token, Task.objects.get(pk=self.task_id).last_seq)


def called(run: str, step: int, usd: Decimal) -> e.ModelCalled:
    return e.ModelCalled(run=run, step=step, purpose="answer", model="m", reserved_usd=usd)


def answered(call: e.ModelCalled, share: Decimal) -> e.ModelAnswered:
    cost = (call.reserved_usd * share).quantize(Decimal("1e-9"))
    return e.ModelAnswered(
        run=call.run, step=call.step, purpose="answer", model="m", text="Yes.", tool_calls=(), usage=Usage(3, 2),
        cost_usd=cost, reserved_usd=call.reserved_usd,
    )  # fmt: skip


class MoneyMachine(RuleBasedStateMachine):
    """A client with a key, three budgets, and tasks whose processes come and go."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.baseline.restore()
        self.key = ApiKey.objects.filter(client__name="Wonderland").order_by("pk")[0]
        self.version = AgentVersion.objects.get(agent__slug="general", status="published")
        owner = {"client_id": self.key.client_id}
        Budget.objects.create(**owner, period="lifetime", limit_usd=6)
        Budget.objects.create(**owner, period="day", limit_usd=5, api_key=self.key)
        Budget.objects.create(**owner, period="month", limit_usd=1, is_hard=False)
        self.running: list[Runner] = []
        self.queued: list[UUID] = []

    def _accept(self, usd: Decimal, *, is_queued: bool) -> UUID | None:
        opening = e.TaskAccepted(
            agent="general", team={"general": self.version.pk}, input=TaskInput("What?"),
            limits=RunLimits(Decimal(100), 100, 12, 60),
        )  # fmt: skip
        task_id = uuid7()
        row = {
            "id": task_id, "client_id": self.key.client_id, "api_key_id": self.key.pk, "agent_type": "general",
            "agent_version_id": self.version.pk, "mode": "sync", "timeout_seconds": 60,
        }  # fmt: skip
        new = lifecycle.NewTask(row, has_budgets=True, set_aside={"0": usd} if is_queued else {})
        first = [opening] if is_queued else [opening, e.AttemptStarted(attempt=1), called("0", 1, usd)]
        try:
            lifecycle.accept(new, first, status=Status.QUEUED if is_queued else Status.RUNNING)
        except BudgetExceeded:
            assert not Task.objects.filter(pk=task_id).exists(), "what is refused leaves nothing"
            return None
        return task_id

    @rule(usd=prices)
    def a_task_is_run_at_once(self, usd: Decimal) -> None:
        if task_id := self._accept(usd, is_queued=False):
            self.running.append(Runner(task_id, 1, {"0": called("0", 1, usd)}, 1))

    @rule(usd=prices)
    def a_task_is_queued(self, usd: Decimal) -> None:
        if task_id := self._accept(usd, is_queued=True):
            self.queued.append(task_id)

    @rule(usd=prices, count=st.integers(2, 5))
    def many_come_at_once(self, usd: Decimal, count: int) -> None:
        at_once = threading.Barrier(count)

        def accept() -> UUID | None:
            try:
                at_once.wait(10)
                return self._accept(usd, is_queued=False)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            came = [pool.submit(accept) for _ in range(count)]
        accepted = [task_id for each in came if (task_id := each.result())]
        self.running += [Runner(task_id, 1, {"0": called("0", 1, usd)}, 1) for task_id in accepted]

    @precondition(lambda self: self.queued)
    @rule(usd=prices)
    def a_worker_claims(self, usd: Decimal) -> None:
        claim = lifecycle.claim(self.queued.pop(0))
        assert claim is not None
        runner = Runner(claim.task.pk, claim.holder.token, step=5 * claim.task.attempts)
        self.running.append(runner)
        self._write(runner, [e.AttemptStarted(attempt=claim.task.attempts)], {"0": usd})

    @precondition(lambda self: self.running)
    @rule(data=st.data(), share=shares, usd=st.none() | prices, is_heard_twice=st.booleans())
    def a_model_answers(self, data: st.DataObject, share: Decimal, usd: Decimal | None, is_heard_twice: bool) -> None:
        runner = data.draw(st.sampled_from(self.running))
        if not runner.open:
            return
        call = runner.open.pop(data.draw(st.sampled_from(sorted(runner.open))))
        self._write(runner, [answered(call, share)], {} if usd is None else {call.run: usd}, is_heard_twice)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), is_known=st.booleans(), usd=st.none() | prices)
    def a_call_fails_and_may_be_made_again(self, data: st.DataObject, is_known: bool, usd: Decimal | None) -> None:
        runner = data.draw(st.sampled_from(self.running))
        if not runner.open:
            return
        call = runner.open.pop(min(runner.open))
        cost = Decimal(0) if is_known else call.reserved_usd
        failed = e.ModelFailed(
            run=call.run, step=call.step, purpose="answer", message="Away.", is_retryable=True, model="m",
            cost_usd=cost, reserved_usd=call.reserved_usd,
        )  # fmt: skip
        self._write(runner, [failed], {} if usd is None else {call.run: usd})

    @precondition(lambda self: self.running)
    @rule(data=st.data(), usd=prices)
    def delegates_call_side_by_side(self, data: st.DataObject, usd: Decimal) -> None:
        runner = data.draw(st.sampled_from(self.running))
        known = fold([event for _, event in journal.events(runner.task_id)], specs_of({"general": self.version.pk}))
        fresh = [run for run in RUNS[1:] if run not in known.runs]
        begun = [e.DelegateStarted(run="0", child=run, agent="general", task="What?") for run in fresh]
        self._write(runner, begun, dict.fromkeys(fresh, usd))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), is_sent=st.booleans())
    def a_task_ends(self, data: st.DataObject, is_sent: bool) -> None:
        self._end(data.draw(st.sampled_from(self.running)), ENDED, is_sent=is_sent)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), is_sent=st.booleans())
    def a_process_stops_and_hands_over(self, data: st.DataObject, is_sent: bool) -> None:
        runner = data.draw(st.sampled_from(self.running))
        given_up = [abandoned(call, is_sent=is_sent) for call in runner.open.values()]
        lifecycle.hand_over(runner.holder, [*given_up, e.AttemptHandedOver(attempt=1)])
        self._gone(runner)
        self.queued.append(runner.task_id)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_process_dies(self, data: st.DataObject) -> None:
        runner = data.draw(st.sampled_from(self.running))
        Task.objects.filter(pk=runner.task_id).update(lease_expires_at=Now() - timedelta(seconds=1))
        sweeper.take_over()
        self._gone(runner)
        if Task.objects.get(pk=runner.task_id).status == Status.QUEUED:
            self.queued.append(runner.task_id)
        with pytest.raises(lifecycle.LeaseLost):
            lifecycle.append(runner.holder, [answered(called("0", 1, Decimal(1)), Decimal(1))])

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_task_is_out_of_time(self, data: st.DataObject) -> None:
        runner = data.draw(st.sampled_from(self.running))
        Task.objects.filter(pk=runner.task_id).update(attempt_started_at=Now() - timedelta(hours=1))
        sweeper.time_out()
        self._gone(runner)

    @precondition(lambda self: self.queued)
    @rule()
    def a_queued_task_is_cancelled(self) -> None:
        assert lifecycle.request_cancel(self.queued.pop(0), self.key.client_id, "client")

    @precondition(lambda self: self.queued)
    @rule()
    def a_queued_task_waited_too_long(self) -> None:
        Task.objects.filter(pk=self.queued.pop(0)).update(created_at=Now() - timedelta(hours=25))
        sweeper.time_out()

    def _write(
        self, runner: Runner, events: Sequence[e.Event], calls: dict[str, Decimal], is_heard_twice: bool = False
    ) -> None:
        """As the runner does it: what is refused is not called, and the task ends."""
        runner.step += 1
        new = [called(run, runner.step, usd) for run, usd in calls.items()]
        by = runner.holder
        try:
            last = lifecycle.append(by, [*events, *new])
        except BudgetExceeded:
            given_up = [abandoned(call, is_sent=False) for call in new]
            failed = e.TaskEnded(status="failed", exit_reason="budget_exceeded", message="No money.")
            self._end(runner, failed, is_sent=True, before=[*events, *new, *given_up])
            return
        if is_heard_twice and events:
            assert lifecycle.append(replace(by, is_repeated=True), [*events, *new]) == last
        runner.open |= {call.run: call for call in new}

    def _end(self, runner: Runner, ended: e.TaskEnded, *, is_sent: bool, before: Any = ()) -> None:
        events = [*before, *(abandoned(call, is_sent=is_sent) for call in runner.open.values()), ended]
        known = [event for _, event in journal.events(runner.task_id)]
        state = fold([*known, *events], specs_of({"general": self.version.pk}))
        lifecycle.append(runner.holder, events, lifecycle.Ending.of(state))
        self._gone(runner)

    def _gone(self, runner: Runner) -> None:
        self.running.remove(runner)

    @invariant()
    def balances_hold(self) -> None:
        for balance in Balance.objects.select_related("budget"):
            reserved = _sum(Reservation.objects.filter(balance=balance))
            charged = _sum(LedgerEntry.objects.filter(balances__contains=[balance.pk]))
            assert balance.reserved_usd == reserved >= 0
            assert balance.spent_usd == balance.carried_usd + charged
            if balance.budget.is_hard:
                assert balance.spent_usd + balance.reserved_usd <= balance.budget.limit_usd
            else:
                assert (balance.alerted_at is not None) == (balance.spent_usd > balance.budget.limit_usd)

    @invariant()
    def the_ledger_is_what_tasks_cost(self) -> None:
        for task in Task.objects.filter(status__in=Task.FINAL):
            assert task.cost_usd == _sum(LedgerEntry.objects.filter(task_id=task.pk))

    @invariant()
    def what_is_reserved_is_what_is_open(self) -> None:
        expected = {(runner.task_id, run) for runner in self.running for run in runner.open}
        assert set(Reservation.objects.filter(is_called=True).values_list("task_id", "run")) == expected
        waiting = Reservation.objects.filter(is_called=False).values_list("task_id", flat=True)
        assert set(waiting) <= set(self.queued)


def _sum(rows: Any) -> Decimal:
    return rows.aggregate(usd=Sum("amount_usd"))["usd"] or Decimal(0)


@pytest.mark.timeout(300)
def test_no_interleaving_loses_or_overspends_money(database: World) -> None:
    MoneyMachine.world = database
    run_state_machine_as_test(
        MoneyMachine,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def _queries(*, has_budgets: bool) -> tuple[int, int]:
    """How many a task of one model call takes: to be accepted, and to be ended."""
    key = ApiKey.objects.filter(client__name="Wonderland").order_by("pk")[0]
    version = AgentVersion.objects.get(agent__slug="general", status="published")
    opening = e.TaskAccepted(
        agent="general", team={"general": version.pk}, input=TaskInput("What?"), limits=RunLimits(Decimal(1), 9, 9, 9)
    )
    call = called("0", 1, Decimal("0.1"))
    task_id = uuid7()
    row = {
        "id": task_id, "client_id": key.client_id, "api_key_id": key.pk, "agent_type": "general",
        "agent_version_id": version.pk, "mode": "sync", "timeout_seconds": 60,
    }  # fmt: skip
    first = [opening, e.AttemptStarted(attempt=1), call]
    with CaptureQueriesContext(connection) as accepting:
        lifecycle.accept(lifecycle.NewTask(row, has_budgets=has_budgets), first, status=Status.RUNNING)
    last = [answered(call, Decimal(1)), ENDED]
    ending = lifecycle.Ending.of(fold([*first, *last], specs_of(opening.team)))
    by = lifecycle.Holder(task_id, 1, 3)
    with CaptureQueriesContext(connection) as ending_it:
        lifecycle.append(by, last, ending)
    return _count(accepting), _count(ending_it)


def _count(captured: CaptureQueriesContext) -> int:
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in captured.captured_queries)


def test_a_client_without_budgets_pays_for_its_ledger_line_alone(database: World) -> None:
    # The task and its events; then its move, its number, its events, and the ledger's line.
    assert _queries(has_budgets=False) == (2, 4)
    Budget.objects.create(client=Task.objects.get().client, period="lifetime", limit_usd=6)
    _queries(has_budgets=True)  # makes the period's balance
    assert _queries(has_budgets=True) == (2 + 5, 4 + 5)
