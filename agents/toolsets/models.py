"""What MCP servers and HTTP APIs have in common in the database: the toolset, and its tools as they were approved."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from agentplatform import credentials
from agentplatform.sealed_field import SealedField
from agents.toolsets import naming
from agents.toolsets.listing import content, fingerprint

SECONDS = (MinValueValidator(1), MaxValueValidator(600))


def checked_name(name: str) -> None:
    """Raise ValidationError for what cannot begin the names of tools."""
    if not naming.TOOLSET.fullmatch(name) or len(name) > naming.MOST_CHARACTERS_OF_A_TOOLSET:
        raise ValidationError(
            "A name takes lower-case letters, digits and hyphens, begins with a letter, and has at most "
            f"{naming.MOST_CHARACTERS_OF_A_TOOLSET} characters."
        )


class Effect(models.TextChoices):
    """What calling a tool twice means."""

    PURE = "pure", "Pure: it changes nothing"
    IDEMPOTENT = "idempotent", "Idempotent: twice is as good as once"
    UNSAFE = "unsafe", "Unsafe: twice may do it twice"


class Toolset(models.Model):
    """One place that tools come from."""

    name = models.CharField(
        max_length=naming.MOST_CHARACTERS_OF_A_TOOLSET,
        unique=True,
        validators=[checked_name],
        help_text="Begins the names of its tools: github makes github__create_issue.",
    )
    is_active = models.BooleanField(default=True, help_text="An inactive one offers no tool.")
    approves_all = models.BooleanField(
        "approve all",
        default=False,
        help_text="Approve every tool when it is first seen. One that changes later has to be approved by you all the same.",
    )
    call_seconds = models.PositiveSmallIntegerField(
        "time-out", default=30, validators=SECONDS, help_text="Seconds that one call may take."
    )
    sealed = SealedField(verbose_name="credentials")
    looked_up_at = models.DateTimeField("looked up", null=True, editable=False)
    fault = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    LEFT_OUT_OF_AUDIT = frozenset({"looked_up_at", "fault"})

    class Meta:
        abstract = True
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raise ValidationError when another kind of toolset has the name: tools of both would be told by one."""
        for kind in Toolset.__subclasses__():
            if not isinstance(self, kind) and kind._default_manager.filter(name=self.name).exists():
                raise ValidationError({"name": f"There is an {kind._meta.verbose_name} of this name; take another."})

    @property
    def credentials_told(self) -> str:
        """The names of the credentials that are stored, for people."""
        try:
            names = ", ".join(credentials.opened(self.sealed))
        except credentials.CannotOpen as error:
            return str(error)
        return names or "none"


class ToolsetTool(models.Model):
    """One tool as its toolset describes it now, and as an operator approved it. `details` is what a call needs besides."""

    class State(models.TextChoices):
        NEW = "new"
        APPROVED = "approved"
        CHANGED = "changed", "changed: to be approved again"
        UNFIT = "unfit", "cannot be offered"
        GONE = "gone"

    name = models.CharField(max_length=naming.MOST_CHARACTERS, unique=True, editable=False)
    remote_name = models.CharField("its own name", max_length=200, editable=False)
    state = models.CharField(max_length=10, choices=State, editable=False)
    description = models.TextField(editable=False)
    parameters = models.JSONField(default=dict, editable=False)
    details = models.JSONField(default=dict, editable=False)
    told_effect = models.CharField(max_length=10, choices=Effect, editable=False)
    own_effect = models.CharField(
        "effect", max_length=10, choices=Effect, blank=True, help_text="Empty: as the toolset tells it."
    )
    fault = models.TextField(blank=True, editable=False)
    is_gone = models.BooleanField(default=False, editable=False)
    approved = models.JSONField(null=True, editable=False)
    approved_fingerprint = models.CharField(max_length=16, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False)

    LEFT_OUT_OF_AUDIT = frozenset({"description", "parameters", "details", "approved", "seen_at", "fault", "is_gone"})

    class Meta:
        abstract = True
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the state up to date: lists are filtered by it."""
        self.state = self._state_now()
        super().save(*args, **kwargs)

    @property
    def toolset(self) -> Toolset:
        """Where it comes from."""
        raise NotImplementedError

    @property
    def content(self) -> dict[str, Any]:
        """All that an approval is of."""
        return content(self.description, self.parameters, self.told_effect, self.details)

    @property
    def effect(self) -> str:
        """What holds: the operator's word, else the toolset's."""
        return self.own_effect or self.told_effect

    def _state_now(self) -> str:
        if self.is_gone:
            return self.State.GONE
        if self.fault:
            return self.State.UNFIT
        if self.approved is None:
            return self.State.NEW
        is_same = self.approved_fingerprint == fingerprint(self.content)
        return self.State.APPROVED if is_same else self.State.CHANGED
