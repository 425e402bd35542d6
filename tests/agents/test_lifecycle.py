"""The state machine of tasks on a real PostgreSQL: whatever comes in whatever order, only the allowed moves are made.

Clients, runners with good and stale tokens, and sweepers are all played by rules; time passes by moving a task's own times
into the past. What must hold is checked after every step.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from uuid_utils.compat import uuid7

from accounts.models import ApiKey
from agents import journal, lifecycle, outcomes, sweeper
from agents.engine import events as e
from agents.engine.state import fold
from agents.engine.types import RunLimits, TaskInput, ToolCall, Usage
from agents.models import AgentVersion, Event, Outbox, Task, UnknownOutcome
from agents.teams import specs_of
from tests.fixtures import World

Status = Task.Status
ALLOWED = {
    Status.QUEUED: {Status.RUNNING, Status.CANCELLED, Status.FAILED},
    Status.RUNNING: {Status.QUEUED, Status.AWAITING_APPROVAL, *Task.FINAL},
    Status.AWAITING_APPROVAL: {Status.QUEUED, Status.CANCELLED, Status.FAILED},
}
FACTS: tuple[Callable[[int], e.Event], ...] = (
    lambda step: e.ModelCalled(run=e.ROOT, step=step, purpose="answer", model="gpt-5-mini"),
    lambda step: e.ModelAnswered(
        run=e.ROOT, step=step, purpose="answer", model="gpt-5-mini", text="Yes.", tool_calls=(), usage=Usage(3, 2),
        cost_usd=Decimal("0.001"),
    ),
    lambda step: e.ModelFailed(run=e.ROOT, step=step, purpose="answer", message="Away.", is_retryable=True),
)  # fmt: skip


class TaskMachine(RuleBasedStateMachine):
    """Some tasks of one client, and the leases that were ever given for them."""

    tasks = Bundle("tasks")
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.key = ApiKey.objects.filter(client__name="Wonderland")[0]
        self.version = AgentVersion.objects.get(agent__slug="general", status="published")
        self.seen: dict[UUID, tuple[Any, ...]] = {}
        self.tokens: dict[UUID, int] = {}

    def _accept(self, status: str) -> UUID:
        opening = e.TaskAccepted(
            agent="general",
            team={"general": self.version.pk},
            input=TaskInput("What is it?"),
            limits=RunLimits(Decimal(1), 100, 12, 60),
        )
        row = {
            "id": uuid7(), "client_id": self.key.client_id, "api_key_id": self.key.pk, "agent_type": "general",
            "agent_version_id": self.version.pk, "mode": "background" if status == Status.QUEUED else "sync",
            "timeout_seconds": 60,
        }  # fmt: skip
        first: list[e.Event] = [opening] if status == Status.QUEUED else [opening, e.AttemptStarted(attempt=1)]
        return lifecycle.accept(lifecycle.NewTask(row), first, status=status).pk

    @rule(target=tasks)
    def a_background_task_is_accepted(self) -> UUID:
        return self._accept(Status.QUEUED)

    @rule(target=leases)
    def a_task_is_accepted_and_run_at_once(self) -> tuple[UUID, int]:
        task_id = self._accept(Status.RUNNING)
        self.tokens[task_id] = 1
        return (task_id, 1)

    @rule(target=tasks, lease=leases)
    def a_task_of_a_lease_is_heard_of_again(self, lease: tuple[UUID, int]) -> UUID:
        return lease[0]

    @rule(target=leases, task_id=tasks)
    def a_worker_claims(self, task_id: UUID) -> tuple[UUID, int]:
        was = Task.objects.get(pk=task_id)
        claim = lifecycle.claim(task_id)
        assert (claim is not None) == (was.status == Status.QUEUED)
        if claim is None:
            return (task_id, was.lease_token)
        assert claim.holder.token == was.lease_token + 1, "no token is given twice"
        assert claim.task.losses < lifecycle.MAX_LOSSES
        self.tokens[task_id] = claim.holder.token
        return (task_id, claim.holder.token)

    @rule(lease=leases, facts=st.lists(st.sampled_from(FACTS), min_size=1, max_size=3))
    def a_runner_writes(self, lease: tuple[UUID, int], facts: list[Callable[[int], e.Event]]) -> None:
        self._write(lease, [fact(1) for fact in facts])

    @rule(lease=leases, is_cancelled=st.booleans())
    def a_runner_ends_the_task(self, lease: tuple[UUID, int], is_cancelled: bool) -> None:
        status = Status.CANCELLED if is_cancelled else Status.COMPLETED
        ended = e.TaskEnded(status=status, exit_reason=str(status), result=None if is_cancelled else "Yes.")
        self._write(lease, [ended])

    def _write(self, lease: tuple[UUID, int], events: list[e.Event]) -> None:
        task_id, token = lease
        was = Task.objects.get(pk=task_id)
        ending = None
        if isinstance(events[-1], e.TaskEnded):
            known = [event for _, event in journal.events(task_id)]
            ending = lifecycle.Ending.of(fold([*known, *events], specs_of({"general": self.version.pk})))
        by = lifecycle.Holder(task_id, token, was.last_seq)
        if was.status == Status.RUNNING and was.lease_token == token:
            assert lifecycle.append(by, events, ending) == was.last_seq + len(events)
            assert lifecycle.append(replace(by, is_repeated=True), events, ending) == was.last_seq + len(events)
            return
        with pytest.raises(lifecycle.LeaseLost):
            lifecycle.append(by, events, ending)
        now = Task.objects.get(pk=task_id)
        assert (now.last_seq, now.status) == (was.last_seq, was.status), "who lost the lease writes nothing"

    @rule(lease=leases)
    def a_runner_is_told_to_stop(self, lease: tuple[UUID, int]) -> None:
        self._leave(lease, lifecycle.hand_over, [e.AttemptHandedOver(attempt=1)])

    @rule(lease=leases)
    def a_runner_asks_for_an_operator(self, lease: tuple[UUID, int]) -> None:
        call = ToolCall(id="c1", name="send", arguments="{}")
        self._leave(lease, lifecycle.suspend, [e.OutcomeUnknown(run=e.ROOT, step=1, call=call)])

    def _leave(self, lease: tuple[UUID, int], move: Callable[..., int], events: list[e.Event]) -> None:
        task_id, token = lease
        was = Task.objects.get(pk=task_id)
        by = lifecycle.Holder(task_id, token, was.last_seq)
        if was.status == Status.RUNNING and was.lease_token == token:
            assert move(by, events) == was.last_seq + len(events)
        else:
            with pytest.raises(lifecycle.LeaseLost):
                move(by, events)

    @rule(decision=st.sampled_from(("retry", "done", "fail")))
    def an_operator_decides(self, decision: str) -> None:
        for outcome in UnknownOutcome.objects.filter(decision=""):
            outcomes.resolve(outcome.pk, decision, by="operator", result="Sent." if decision == "done" else "")

    @rule(task_id=tasks)
    def the_client_cancels(self, task_id: UUID) -> None:
        was = Task.objects.get(pk=task_id).status
        assert lifecycle.request_cancel(task_id, self.key.client_id, "client")
        if was in (Status.QUEUED, Status.AWAITING_APPROVAL):
            assert Task.objects.get(pk=task_id).status == Status.CANCELLED

    @rule(task_id=tasks)
    def another_client_cancels(self, task_id: UUID) -> None:
        assert not lifecycle.request_cancel(task_id, uuid4(), "client")

    @rule(task_id=tasks)
    def its_lease_runs_out(self, task_id: UUID) -> None:
        Task.objects.filter(pk=task_id, status=Status.RUNNING).update(lease_expires_at=Now() - timedelta(seconds=1))

    @rule(task_id=tasks)
    def its_running_time_is_over(self, task_id: UUID) -> None:
        running = Task.objects.filter(pk=task_id, status=Status.RUNNING)
        running.update(attempt_started_at=F("attempt_started_at") - timedelta(seconds=100))

    @rule(task_id=tasks)
    def it_waits_in_the_queue_for_a_day(self, task_id: UUID) -> None:
        queued = Task.objects.filter(pk=task_id, status=Status.QUEUED)
        queued.update(created_at=F("created_at") - timedelta(hours=25))

    @rule()
    def a_sweeper_takes_over(self) -> None:
        sweeper.take_over()
        assert not Task.objects.filter(status=Status.RUNNING, lease_expires_at__lt=Now()).exists()

    @rule()
    def a_sweeper_keeps_the_deadlines(self) -> None:
        sweeper.time_out()

    @rule(lease=consumes(leases))
    def a_runner_is_gone_for_good(self, lease: tuple[UUID, int]) -> None:
        pass

    @invariant()
    def everything_holds(self) -> None:
        tasks = {task.pk: task for task in Task.objects.all()}
        waiting = set(Outbox.objects.values_list("task_id", flat=True))
        journals: dict[UUID, list[tuple[int, str]]] = {task_id: [] for task_id in tasks}
        for task_id, seq, kind in Event.objects.order_by("seq").values_list("task_id", "seq", "type"):
            journals[task_id].append((seq, kind))
        for task_id, task in tasks.items():
            self._moves_are_allowed_and_the_end_is_final(task)
            _journal_has_no_gap_and_one_end(task, journals[task_id])
            assert (task_id in waiting) == (task.status == Status.QUEUED), "what waits has an outbox row, nothing else"
            assert (task.lease_expires_at is not None) == (task.status == Status.RUNNING)
            if task.status == Status.RUNNING:
                assert task.lease_token == self.tokens[task_id], "the newest lease is the one that counts"
        self.seen = {task_id: _looks(task) for task_id, task in tasks.items()}

    def _moves_are_allowed_and_the_end_is_final(self, task: Task) -> None:
        was, now = self.seen.get(task.pk), _looks(task)
        if was is None:
            return
        if was[0] in Task.FINAL:
            assert now == was, "a final state changed"
        elif now[0] != was[0]:
            assert now[0] in ALLOWED[Status(was[0])], f"{was[0]} became {now[0]}"
        assert task.last_seq >= was[1]

    def teardown(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM agents_outbox; DELETE FROM agents_idempotencykey; DELETE FROM agents_unknownoutcome; "
                "DELETE FROM agents_event; DELETE FROM agents_task;"
            )


def _journal_has_no_gap_and_one_end(task: Task, rows: list[tuple[int, str]]) -> None:
    assert [seq for seq, _ in rows] == list(range(1, task.last_seq + 1))
    assert rows[0][1] == "TaskAccepted"
    assert [seq for seq, kind in rows if kind == "TaskEnded"] == ([task.last_seq] if task.is_final else [])


def _looks(task: Task) -> tuple[Any, ...]:
    return (task.status, task.last_seq, task.exit_reason, task.result, task.cost_usd, task.model_calls)


@pytest.mark.timeout(300)
def test_the_state_machine_holds_in_any_order(database: World) -> None:
    run_state_machine_as_test(
        TaskMachine,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
