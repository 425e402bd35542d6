"""What people are asked, and what they answer."""

from django.db import models
from django.db.models.functions import Now

from agents.models import AgentVersion, Task


class Approval(models.Model):
    """Something that a task may do only when a person agrees. The row is written with the journal's line that asks."""

    class Kind(models.TextChoices):
        TOOL = "tool", "Call a tool"
        START = "start", "Let the agent begin"
        RESULT = "result", "Give the result"

    class Decision(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        EXPIRE = "expire", "Nobody answered in time: the task failed"
        MOOT = "moot", "The task ended before anyone answered"

    class By(models.TextChoices):
        CLIENT = "client", "The client"
        OPERATOR = "operator", "An operator"
        TIMEOUT = "timeout", "The rule for silence"

    task = models.ForeignKey(Task, models.CASCADE, related_name="approvals")
    approval_id = models.CharField("number", max_length=16, help_text="Its name within the task: a1, a2, …")
    run = models.CharField(max_length=64)
    agent = models.CharField(max_length=64)
    kind = models.CharField("what is asked", max_length=16, choices=Kind)
    tool = models.CharField(max_length=128, blank=True)
    call_id = models.TextField(blank=True)
    text = models.TextField(help_text="The call's arguments, the agent's task, or the text of its result.")
    requested_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    on_timeout = models.CharField("without an answer", max_length=16, choices=AgentVersion.OnTimeout)
    decision = models.CharField(max_length=16, choices=Decision, blank=True)
    comment = models.TextField(blank=True)
    decided_by = models.CharField(max_length=16, choices=By, blank=True)
    decider = models.CharField(max_length=150, blank=True, help_text="The operator's name, or the key's prefix.")
    decided_at = models.DateTimeField(null=True)

    LEFT_OUT_OF_AUDIT = frozenset({"text"})

    class Meta:
        ordering = ("pk",)
        constraints = (models.UniqueConstraint(fields=("task", "approval_id"), name="approval_of_task"),)
        indexes = (
            models.Index(fields=("expires_at",), name="approval_open", condition=models.Q(decision="")),
            models.Index(fields=("agent", "-id"), name="approval_of_agent"),
            models.Index(fields=("tool", "-id"), name="approval_of_tool"),
        )

    def __str__(self) -> str:
        return f"{self.approval_id} of task {self.task_id}"

    @property
    def is_open(self) -> bool:
        return not self.decision
