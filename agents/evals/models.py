"""Data sets, their cases with what is checked of each answer, and the runs of versions on them."""

import hashlib
import json

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from agents.models import Agent, AgentVersion, Task


class DataSet(models.Model):
    """Cases that an agent should do well. A required one is a gate: no version is offered that does not pass it."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="data_sets")
    name = models.CharField(max_length=100)
    is_required = models.BooleanField(
        "required", default=False, help_text="A version has to pass it before it is published or tried out."
    )
    pass_percent = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How many of a hundred cases have to pass.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ("agent__slug", "name")
        constraints = (models.UniqueConstraint(fields=("agent", "name"), name="data_set_of_agent"),)

    def __str__(self) -> str:
        return f"{self.agent.slug}: {self.name}"

    def digest(self) -> bytes:
        """What its cases come to: another when one of them, or a check, is another."""
        rows = self.cases.order_by("pk", "checks__pk")
        told = list(map(list, rows.values_list("pk", "task", "context", "checks__kind", "checks__value")))
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()


class Case(models.Model):
    """A task whose answer can be checked."""

    data_set = models.ForeignKey(DataSet, models.CASCADE, related_name="cases")
    name = models.CharField(max_length=200)
    task = models.TextField(help_text="What is asked.")
    context = models.JSONField(default=dict, blank=True, help_text="Further facts for the agent, as a JSON object.")
    from_task = models.ForeignKey(
        Task, models.SET_NULL, null=True, blank=True, related_name="cases", editable=False, db_index=True
    )
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    LEFT_OUT_OF_AUDIT = frozenset(["task", "context"])  # what clients said is no matter of the audit

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name


class Check(models.Model):
    """What has to hold of a case's answer. Without a check of how the task ends, it has to be completed."""

    class Kind(models.TextChoices):
        CONTAINS = "contains", "The answer contains"
        LACKS = "lacks", "The answer does not contain"
        EQUALS = "equals", "The answer is exactly"
        MATCHES = "matches", "The answer matches the pattern"
        SCHEMA = "schema", "The answer satisfies the JSON Schema"
        JUDGE = "judge", "A model judges that"
        CALLS = "calls", "It calls the tool"
        ENDS = "ends", "The task ends with the exit reason"
        SECONDS = "seconds", "Seconds, at most"
        COST = "cost", "US dollars, at most"

    case = models.ForeignKey(Case, models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.CONTAINS)
    value = models.TextField(help_text="The text, pattern, schema, rubric, tool, reason or number.")

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value[:60]}"


class Run(models.Model):
    """A version's run on a data set, with the cases as they were when it began."""

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        STOPPED = "stopped"

    data_set = models.ForeignKey(DataSet, models.CASCADE, related_name="runs")
    version = models.ForeignKey(AgentVersion, models.CASCADE, related_name="eval_runs")
    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    digest = models.BinaryField(max_length=32, help_text="Of its cases; a run counts for as long as they are the same.")
    total = models.PositiveIntegerField()
    passed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    started_by = models.CharField(max_length=150)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    LEFT_OUT_OF_AUDIT = frozenset(["digest"])

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("started_at",), name="eval_run_running", condition=models.Q(status="running")),)

    def __str__(self) -> str:
        return f"{self.version} on {self.data_set.name}"


class Outcome(models.Model):
    """What became of one case in a run. It keeps what was asked and answered, since tasks are dropped after their time."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        JUDGED = "judged", "being judged"
        PASSED = "passed"
        FAILED = "failed"

    FINAL = (State.PASSED, State.FAILED)

    run = models.ForeignKey(Run, models.CASCADE, related_name="outcomes")
    case = models.ForeignKey(Case, models.SET_NULL, null=True, related_name="outcomes")
    name = models.CharField(max_length=200)
    asked = models.TextField()
    context = models.JSONField(default=dict)
    checks = models.JSONField(help_text="Pairs of kind and value.")
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    task = models.ForeignKey(Task, models.SET_NULL, null=True, related_name="+")
    judgement = models.ForeignKey(Task, models.SET_NULL, null=True, related_name="+")
    answer = models.TextField(blank=True)
    findings = models.JSONField(default=list, help_text="Of each check: whether it holds, and why not.")
    seconds = models.FloatField(default=0)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, default=0)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"
