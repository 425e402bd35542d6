"""The line of a conversation on a real PostgreSQL: whatever comes in whatever order, and from however many processes."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from uuid_utils.compat import uuid7

from accounts.models import ApiKey
from accounts.money.models import Balance, Budget
from agentplatform.database import run as in_database
from agents import journal, lifecycle, sweeper
from agents.conversations import reading
from agents.conversations.models import Conversation, Place, Turn
from agents.engine import events as e
from agents.engine.state import fold
from agents.engine.types import RunLimits, TaskInput
from agents.models import AgentVersion, Event, Outbox, Task
from agents.teams import specs_of
from tests.fixtures import World

Status = Task.Status


@dataclass(frozen=True)
class Desk:
    """Accepts, runs and ends tasks of one client, as the platform's processes do."""

    key: ApiKey
    version: AgentVersion

    @classmethod
    def open(cls) -> "Desk":
        key = ApiKey.objects.filter(client__name="Wonderland")[0]
        return cls(key, AgentVersion.objects.get(agent__slug="general", status="published"))

    def accept(self, conversation_id: UUID, status: str, past: e.ConversationRead | None = None) -> Task:
        past = past or reading.read(self.key.client_id, conversation_id)
        opening = e.TaskAccepted(
            agent="general", team={"general": self.version.pk}, input=TaskInput("What is it?"),
            limits=RunLimits(Decimal(1), 100, 12, 60),
        )  # fmt: skip
        row = {
            "id": uuid7(), "client_id": self.key.client_id, "api_key_id": self.key.pk, "agent_type": "general",
            "agent_version_id": self.version.pk, "mode": "background" if status == Status.QUEUED else "sync",
            "timeout_seconds": 60, "conversation_id": conversation_id,
        }  # fmt: skip
        first = [opening] if status == Status.QUEUED else [opening, e.AttemptStarted(attempt=1), past]
        set_aside = {e.ROOT: Decimal("0.001")}
        new = lifecycle.NewTask(row, has_budgets=True, set_aside=set_aside, past=past)
        return lifecycle.accept(new, first, status=status)

    def end(self, task_id: UUID, token: int, status: str, read: tuple[e.Event, ...] = ()) -> None:
        ended = e.TaskEnded(status=status, exit_reason=status, result=str(task_id) if status == "completed" else None)
        known = [event for _, event in journal.events(task_id)]
        ending = lifecycle.Ending.of(fold([*known, *read, ended], specs_of({"general": self.version.pk})))
        last_seq = Task.objects.values_list("last_seq", flat=True).get(pk=task_id)
        lifecycle.append(lifecycle.Holder(task_id, token, last_seq), [*read, ended], ending)


class LineMachine(RuleBasedStateMachine):
    """Two conversations, the tasks that meet there, and what becomes of them."""

    tasks = Bundle("tasks")

    @initialize()
    def begin(self) -> None:
        self.desk = Desk.open()
        self.conversations = [uuid4(), uuid4()]
        self.order: list[UUID] = []

    @rule(target=tasks, which=st.integers(0, 1), status=st.sampled_from((Status.QUEUED, Status.RUNNING)))
    def a_task_is_accepted(self, which: int, status: str) -> UUID:
        conversation_id = self.conversations[which]
        others = Place.objects.filter(conversation__conversation_id=conversation_id).exists()
        task = self.desk.accept(conversation_id, status)
        assert task.waits == others
        assert task.status == (Status.RUNNING if status == Status.RUNNING and not others else Status.QUEUED)
        self.order.append(task.pk)
        return task.pk

    @rule(task_id=tasks)
    def a_worker_claims(self, task_id: UUID) -> None:
        was = Task.objects.get(pk=task_id)
        line = Place.objects.filter(conversation__places__task_id=task_id).order_by("pk")
        first = line.values_list("task_id", flat=True).first()
        claim = lifecycle.claim(task_id)
        assert (claim is not None) == (was.status == Status.QUEUED and first == task_id)

    @rule(task_id=tasks, status=st.sampled_from(("completed", "failed", "cancelled")))
    def its_runner_ends_it(self, task_id: UUID, status: str) -> None:
        task = Task.objects.get(pk=task_id)
        if task.status == Status.RUNNING:
            self.desk.end(task_id, task.lease_token, status)

    @rule(task_id=tasks)
    def its_runner_hands_it_over(self, task_id: UUID) -> None:
        task = Task.objects.get(pk=task_id)
        if task.status == Status.RUNNING:
            by = lifecycle.Holder(task_id, task.lease_token, task.last_seq)
            lifecycle.hand_over(by, [e.AttemptHandedOver(attempt=task.attempts)])

    @rule(task_id=tasks)
    def its_process_is_lost(self, task_id: UUID) -> None:
        Task.objects.filter(pk=task_id, status=Status.RUNNING).update(lease_expires_at=Now() - timedelta(seconds=1))
        sweeper.take_over()

    @rule(task_id=tasks)
    def its_client_cancels(self, task_id: UUID) -> None:
        lifecycle.request_cancel(task_id, self.desk.key.client_id, "client")

    @invariant()
    def everything_holds(self) -> None:
        for conversation in Conversation.objects.all():
            tasks = Task.objects.filter(conversation_id=conversation.conversation_id)
            unended = set(tasks.exclude(status__in=Task.FINAL).values_list("pk", flat=True))
            line = list(conversation.places.order_by("pk").values_list("task_id", flat=True))
            assert set(line) == unended, "who has not ended is in line, nobody else"
            assert line == [task_id for task_id in self.order if task_id in unended], "in the order of acceptance"
            assert not tasks.filter(status=Status.RUNNING).exclude(pk__in=line[:1]).exists(), "only the first one runs"
            heard_of = set(Outbox.objects.filter(task__in=tasks).values_list("task_id", flat=True))
            assert heard_of == set(tasks.filter(pk__in=line[:1], status=Status.QUEUED).values_list("pk", flat=True))
        _turns_are_those_of_completed_tasks()

    def teardown(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM agents_outbox; DELETE FROM conversations_place; DELETE FROM conversations_turn; "
                "DELETE FROM conversations_conversation; DELETE FROM agents_event; DELETE FROM agents_task;"
            )


def _turns_are_those_of_completed_tasks() -> None:
    for conversation in Conversation.objects.all():
        turns = list(Turn.objects.filter(conversation=conversation).order_by("number"))
        assert [turn.number for turn in turns] == list(range(1, conversation.turns + 1))
        assert [turn.role for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert [turn.content for turn in turns[1::2]] == [str(turn.task_id) for turn in turns[::2]]
    completed = Task.objects.filter(status="completed", conversation_id__isnull=False)
    said = Turn.objects.values("task_id").annotate(said=Count("number"))
    assert {row["task_id"]: row["said"] for row in said} == dict.fromkeys(completed.values_list("pk", flat=True), 2)


@pytest.mark.timeout(300)
def test_the_line_holds_in_any_order(database: World) -> None:
    run_state_machine_as_test(
        LineMachine,
        settings=settings(
            max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_what_was_read_too_early_is_read_again(database: World) -> None:
    """Between the reading for a request and its acceptance another task came and ended."""
    desk, conversation_id = Desk.open(), uuid4()
    early = reading.read(desk.key.client_id, conversation_id)
    other = desk.accept(conversation_id, Status.RUNNING)
    desk.end(other.pk, other.lease_token, "completed")
    task = desk.accept(conversation_id, Status.RUNNING, early)
    assert (task.status, task.waits) == (Status.QUEUED, False)
    assert Outbox.objects.filter(task=task).exists(), "whoever is there may claim it at once"
    claim = lifecycle.claim(task.pk)
    assert claim is not None
    assert claim.past is not None
    assert [turn.content for turn in claim.past.turns] == ["What is it?", str(other.pk)]


def a_process(desk: Desk, conversation_id: UUID, seed: int) -> None:
    """One that accepts, claims, ends, hands over and cancels without asking any other; with a connection of its own."""
    chance = random.Random(seed)  # no secret
    for _ in range(10):
        task = in_database(desk.accept, conversation_id, chance.choice((Status.QUEUED, Status.RUNNING)))
        if task.status == Status.RUNNING:
            _work(desk, chance, task, ())
        for task_id in in_database(_in_line):
            if chance.random() < 0.05:
                in_database(lifecycle.request_cancel, task_id, desk.key.client_id, "client")
            if claim := in_database(lifecycle.claim, task_id):
                _work(desk, chance, claim.task, (claim.past,) if claim.past else ())
    in_database(connection.close)


def _work(desk: Desk, chance: random.Random, task: Task, read: tuple[e.Event, ...]) -> None:
    if chance.random() < 0.1:
        by = lifecycle.Holder(task.pk, task.lease_token, task.last_seq)
        in_database(lifecycle.hand_over, by, [*read, e.AttemptHandedOver(attempt=task.attempts)])
    else:
        in_database(desk.end, task.pk, task.lease_token, chance.choice(("completed", "completed", "failed")), read)


def _in_line() -> list[UUID]:
    return list(Place.objects.order_by("pk").values_list("task_id", flat=True)[:3])


@pytest.mark.timeout(120)
def test_it_holds_whatever_many_processes_do_at_once(database: World) -> None:
    """Every lock there is, taken from eight sides: nobody waits for ever, and no two run at once."""
    desk, conversation_id = Desk.open(), uuid4()
    Budget.objects.create(client=desk.key.client, limit_usd=Decimal(1000), period="lifetime")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(a_process, desk, conversation_id), range(8)))
    assert Task.objects.filter(status="completed").exists()
    line = list(Place.objects.order_by("pk").values_list("task_id", flat=True))
    assert Balance.objects.get().reserved_usd == Decimal("0.001") * len(line), "all money of ended tasks came back"
    assert not Task.objects.filter(status=Status.RUNNING).exclude(pk__in=line[:1]).exists()
    assert set(Task.objects.exclude(status__in=Task.FINAL).values_list("pk", flat=True)) == set(line)
    _turns_are_those_of_completed_tasks()
    reads = [e.from_json("ConversationRead", data) for data in _completed_reads()]
    known = sorted(len(read.turns) for read in reads if isinstance(read, e.ConversationRead))
    assert known == list(range(0, 2 * len(known), 2)), "each knew all that was said before, and nobody else did at once"


def _completed_reads() -> list[dict[str, object]]:
    read = Event.objects.filter(type="ConversationRead", task__status="completed")
    return list(read.values_list("data", flat=True))
