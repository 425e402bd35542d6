"""Agents and their versions, tasks and their journal, and the outbox."""

import re
from decimal import Decimal

from django.contrib.postgres.indexes import GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from accounts.models import ApiKey, Client

SLUG = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}\Z")


class Agent(models.Model):
    """What clients name as `agent_type`. What it does stands in its versions."""

    slug = models.SlugField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(SLUG, "It takes lower-case letters, digits, - and _, and begins with a letter or digit.")
        ],
        help_text="The agent_type that clients send.",
    )
    is_active = models.BooleanField(default=True, help_text="Inactive agents take no new tasks.")
    candidate = models.ForeignKey(
        "AgentVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="A version that is tried out.",
    )
    candidate_percent = models.PositiveSmallIntegerField(
        default=0, help_text="How many of a hundred new tasks run the candidate."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.slug


class AgentVersion(models.Model):
    """One version of an agent. Only drafts change: each task records the version it ran.

    A candidate is tried out: part of the new tasks run it in place of the published version (see Agent.candidate).
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        CANDIDATE = "candidate"
        RETIRED = "retired"

    class Strategy(models.TextChoices):
        ANSWER = "answer", "Answer, with tools where they help"
        PLAN = "plan", "Plan, have the parts answered, write up"
        ROUTE = "route", "Hand over to the delegate that fits"
        REVIEW = "review", "Write, have it reviewed, revise"
        CODE = "code", "A function, from AGENT_MODULES"

    class GuardMode(models.TextChoices):
        OFF = "off", "Off: nothing is read"
        OBSERVE = "observe", "Observe: count what is found"
        FLAG = "flag", "Flag: note it with the task"
        BLOCK = "block", "Block: refuse the task"

    class OutputGuard(models.TextChoices):
        OFF = "off", "Off: nothing is read"
        FLAG = "flag", "Flag: note it with the task"
        BLOCK = "block", "Block: hold the result back; streams wait for it"

    class Approval(models.TextChoices):
        NONE = "none", "None"
        START = "start", "Before it begins"
        RESULT = "result", "Before its result is given"

    class OnTimeout(models.TextChoices):
        REJECT = "reject", "Take it as rejected"
        APPROVE = "approve", "Take it as approved"
        FAIL = "fail", "End the task as failed"

    agent = models.ForeignKey(Agent, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    description = models.CharField(max_length=300, help_text="One sentence for clients and for the router.")
    instructions = models.TextField(help_text="The system prompt.")
    strategy = models.CharField(max_length=16, choices=Strategy, default=Strategy.ANSWER)
    model = models.CharField(max_length=200, blank=True, help_text="Empty: the platform's AGENT_MODEL.")
    fallback_models = models.JSONField(
        default=list, blank=True, help_text='Models to ask, in this order, when that one fails: ["gpt-5-nano"].'
    )
    temperature = models.FloatField(null=True, blank=True, help_text="Empty: the provider's default.")
    tools = models.JSONField(default=list, blank=True, help_text='Names of the tools it may call: ["calculator"].')
    delegates = models.JSONField(default=list, blank=True, help_text='Agents it may call or hand over to: ["general"].')
    handoffs = models.JSONField(
        default=list, blank=True, help_text='Agents that may take the conversation over from it: ["writer"].'
    )
    output_schema = models.JSONField(
        null=True, blank=True, help_text="JSON Schema of every result, unless the client sends one; empty: plain text."
    )
    model_settings = models.JSONField(
        default=dict, blank=True, help_text='Further settings of the model call: {"top_p": 0.9}.'
    )
    guard_mode = models.CharField(
        max_length=16, choices=GuardMode, default=GuardMode.BLOCK, help_text="What an attack in a text means."
    )
    output_guard = models.CharField(
        max_length=16,
        choices=OutputGuard,
        default=OutputGuard.FLAG,
        db_default=OutputGuard.FLAG,
        help_text="What it means that a result repeats the instructions, has a key in it, or a link that carries data away.",
    )
    topics = models.JSONField(
        default=list,
        blank=True,
        db_default=[],
        help_text='What tasks may be about: ["invoices", "delivery times"]. Empty: anything.',
    )
    approval = models.CharField(
        max_length=16,
        choices=Approval,
        default=Approval.NONE,
        db_default=Approval.NONE,
        help_text="What of it a person has to agree to.",
    )
    approval_tools = models.JSONField(
        default=list,
        blank=True,
        db_default=[],
        help_text='Tools whose calls a person has to agree to, by name or pattern: ["github__delete_*"].',
    )
    approval_timeout_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long a person may take to answer. Empty: the platform's APPROVAL_TIMEOUT_SECONDS.",
    )
    approval_on_timeout = models.CharField(
        max_length=16,
        choices=OnTimeout,
        default=OnTimeout.REJECT,
        db_default=OnTimeout.REJECT,
        help_text="What happens when nobody answers in time.",
    )
    max_output_tokens = models.PositiveIntegerField(default=2000, help_text="Tokens of one answer, at most.")
    max_steps = models.PositiveIntegerField(default=12, help_text="Model calls of one task, at most.")
    max_cost_usd = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal("0.50"), help_text="US dollars of one task, at most."
    )
    timeout_seconds = models.PositiveIntegerField(
        default=120, help_text="Running time of one task, when the client sets none."
    )
    cache_seconds = models.PositiveIntegerField(
        default=300, help_text="How long an answer may be given again; 0: never."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    published_at = models.DateTimeField(null=True, editable=False, help_text="When it was published last.")

    class Meta:
        ordering = ("agent", "-number")
        constraints = (
            models.UniqueConstraint(fields=("agent", "number"), name="agent_version_number"),
            models.UniqueConstraint(
                fields=("agent",), condition=models.Q(status="published"), name="agent_one_published_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.agent.slug} v{self.number}"


class Task(models.Model):
    """What a client sent, as it stands now. Its story is the journal; this row is the part that is searched and listed."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        AWAITING_APPROVAL = "awaiting_approval"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

    class Mode(models.TextChoices):
        SYNC = "sync"
        STREAM = "stream"
        BACKGROUND = "background"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, models.PROTECT, related_name="tasks", db_index=False)  # others begin with it
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    agent_type = models.CharField(max_length=64)
    agent_version = models.ForeignKey(AgentVersion, models.PROTECT, related_name="+")
    mode = models.CharField(max_length=16, choices=Mode)
    status = models.CharField(max_length=20, choices=Status)
    exit_reason = models.CharField(max_length=32, blank=True)
    result = models.JSONField(null=True)
    error = models.JSONField(null=True)
    model = models.CharField(max_length=200, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    model_calls = models.PositiveIntegerField(default=0)
    tool_calls = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(0))
    is_cached = models.BooleanField(default=False)
    conversation_id = models.UUIDField(null=True)
    metadata = models.JSONField(default=dict)
    guard_rule = models.CharField(
        max_length=64, blank=True, db_default="", help_text="What the guard noted of the text."
    )
    request_id = models.CharField(max_length=128, blank=True)
    forked_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="forks", db_index=False)
    forked_step = models.PositiveIntegerField(null=True)
    webhook_url = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    timeout_seconds = models.PositiveIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0, help_text="Attempts whose process went away.")
    attempt_started_at = models.DateTimeField(null=True)
    ran_seconds = models.FloatField(default=0, help_text="Running time of earlier attempts.")
    lease_token = models.PositiveBigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    last_seq = models.PositiveIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    journal_pruned_at = models.DateTimeField(null=True)
    answers = models.PositiveIntegerField(
        null=True, help_text="How many of its approvals are answered; none where it never asked for one."
    )

    # Only on the object that was just accepted: others of its conversation are ahead of it.
    waits: bool = False

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("client", "-created_at", "-id"), name="task_client_newest"),
            models.Index(fields=("-created_at", "-id"), name="task_newest"),
            models.Index(
                fields=("client", "conversation_id", "-created_at"),
                name="task_conversation",
                condition=models.Q(conversation_id__isnull=False),
            ),
            models.Index(
                fields=("status", "lease_expires_at"),
                name="task_unfinished",
                condition=models.Q(status__in=("queued", "running", "awaiting_approval")),
            ),
            models.Index(
                fields=("completed_at",),
                name="task_with_journal",
                condition=models.Q(completed_at__isnull=False, journal_pruned_at__isnull=True),
            ),
            models.Index(fields=("forked_from",), name="task_fork", condition=models.Q(forked_from__isnull=False)),
            models.Index(fields=("created_at",), name="task_queued", condition=models.Q(status="queued")),
            models.Index(fields=("-created_at", "-id"), name="task_flagged", condition=~models.Q(guard_rule="")),
            # Without it, a client's few would be sought among everybody's.
            models.Index(
                fields=("client", "status", "-created_at", "-id"),
                name="task_client_unsuccessful",
                condition=models.Q(status__in=("failed", "cancelled")),
            ),
            # The console's filters and search.
            models.Index(fields=("agent_type", "-created_at", "-id"), name="task_of_agent"),
            models.Index(
                fields=("status", "-created_at", "-id"),
                name="task_unsuccessful",
                condition=models.Q(status__in=("failed", "cancelled")),
            ),
            models.Index(
                fields=("exit_reason", "-created_at", "-id"),
                name="task_reason",
                condition=~models.Q(exit_reason__in=("", "completed")),
            ),
            models.Index(fields=("request_id",), name="task_request", condition=~models.Q(request_id="")),
            models.Index(
                fields=("conversation_id",),
                name="task_of_conversation",
                condition=models.Q(conversation_id__isnull=False),
            ),
            GinIndex(
                fields=("metadata",),
                name="task_metadata",
                opclasses=("jsonb_path_ops",),
                condition=~models.Q(metadata={}),
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL


class Event(models.Model):
    """One line of a task's journal: append-only, numbered without gaps."""

    pk = models.CompositePrimaryKey("task_id", "seq")
    task = models.ForeignKey(
        Task, models.CASCADE, related_name="journal", db_index=False
    )  # the primary key begins with it
    seq = models.PositiveIntegerField()
    type = models.CharField(max_length=32)
    version = models.PositiveSmallIntegerField(default=1)
    data = models.JSONField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.task_id} {self.seq} {self.type}"


class UnknownOutcome(models.Model):
    """An unsafe call of a tool that may or may not have taken effect: an operator has to tell, and the task waits."""

    class Decision(models.TextChoices):
        RETRY = "retry", "It did not happen: call the tool again"
        DONE = "done", "It happened: go on with the result below"
        FAIL = "fail", "Give up: end the task as failed"
        MOOT = "moot", "The task ended before anyone decided"

    task = models.ForeignKey(Task, models.CASCADE, related_name="unknown_outcomes")
    run = models.CharField(max_length=64)
    step = models.PositiveIntegerField()
    call_id = models.TextField()
    tool = models.CharField(max_length=128)
    arguments = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    decision = models.CharField(max_length=8, choices=Decision, blank=True)
    result = models.TextField(blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(fields=("created_at",), name="unknown_outcome_open", condition=models.Q(decision="")),
            models.Index(fields=("tool", "-id"), name="unknown_outcome_of_tool"),
        )

    def __str__(self) -> str:
        return f"{self.tool} of task {self.task_id}"

    @property
    def is_open(self) -> bool:
        return self.decided_at is None


class IdempotencyKey(models.Model):
    """A client's own name for a request, so that sending it again gives the same task."""

    client = models.ForeignKey(Client, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    body_digest = models.BinaryField(max_length=32)
    task = models.ForeignKey(Task, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("client", "key"), name="idempotency_key_of_client"),)

    def __str__(self) -> str:
        return self.key


class GuardMark(models.Model):
    """What an operator says of a text: an attack, or honest. The guard is measured by these too; it learns nothing by itself."""

    text = models.TextField()
    is_attack = models.BooleanField("attack")
    task = models.OneToOneField(Task, models.SET_NULL, null=True, blank=True, related_name="guard_mark")
    marked_by = models.CharField(max_length=150)
    marked_at = models.DateTimeField(db_default=Now())

    LEFT_OUT_OF_AUDIT = frozenset(["text"])  # what clients said is no matter of the audit

    class Meta:
        ordering = ("-marked_at", "-pk")

    def __str__(self) -> str:
        return f"mark {self.pk}: {'attack' if self.is_attack else 'honest'}"


class Outbox(models.Model):
    """A queued task that a worker should hear of; the row goes when the task is claimed."""

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="+")
    waits_since = models.DateTimeField(db_default=Now())
    publish_at = models.DateTimeField(db_index=True)
    published = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.task_id)


class Process(models.Model):
    """A worker or sweeper that said lately that it runs."""

    name = models.CharField(max_length=128, primary_key=True)
    kind = models.CharField(max_length=16)
    seen_at = models.DateTimeField()
    running_tasks = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return self.name
