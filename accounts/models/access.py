"""Who may call: tiers set the limits, clients have a tier, keys belong to clients."""

from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

MOST_REQUESTS = 100_000
MOST_WINDOW_SECONDS = 86_400
MOST_TOKENS = 1_000_000_000
MOST_CONCURRENT = 10_000
MOST_DAILY_REQUESTS = 100_000_000
MOST_RETENTION_DAYS = 36_500
# The limits a tier sets and a key narrows, by the names of their columns.
LIMITS = ("requests", "tokens_per_minute", "concurrency", "daily_requests")
GUARD_MODES = (
    ("", "As each agent has it"),
    ("off", "Off: nothing is read"),
    ("observe", "Observe: count what is found"),
    ("flag", "Flag: note it with the task"),
    ("block", "Block: refuse the task"),
)
MASKINGS = (
    ("", "Nothing"),
    ("secrets", "Secrets: keys, tokens, passwords, card numbers"),
    ("personal", "Secrets and personal data: also e-mail addresses, phone and account numbers"),
)
SCOPES = ("execute", "read", "feedback", "usage", "keys")


def _limit(most: int, **options: Any) -> Any:
    validators = [MinValueValidator(1), MaxValueValidator(most)]
    return models.PositiveIntegerField(null=True, blank=True, validators=validators, **options)


class Tier(models.Model):
    """A set of limits that clients share by name. Each client has the limits for itself, over all its keys."""

    slug = models.SlugField(unique=True, help_text="Stands in metrics, error messages and API_KEYS.")
    name = models.CharField(max_length=100)
    requests = _limit(MOST_REQUESTS, help_text="POST /agent/execute calls admitted in any window; empty for no limit.")
    tokens_per_minute = _limit(
        MOST_TOKENS, help_text="Tokens in and out that model calls may use in any 60 s; empty for no limit."
    )
    concurrency = _limit(MOST_CONCURRENT, help_text="Tasks accepted and not yet ended; empty for no limit.")
    daily_requests = _limit(
        MOST_DAILY_REQUESTS, help_text="POST /agent/execute calls admitted in a day (UTC); empty for no limit."
    )
    window_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(MOST_WINDOW_SECONDS)]
    )
    guard_mode = models.CharField(
        max_length=16,
        blank=True,
        choices=GUARD_MODES,
        db_default="",
        default="",
        help_text="What an attack in a text of this tier's clients means, in place of the agents' own modes.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["slug"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(requests__gt=0), name="tier_requests_positive"),
            models.CheckConstraint(condition=models.Q(tokens_per_minute__gt=0), name="tier_tokens_positive"),
            models.CheckConstraint(condition=models.Q(concurrency__gt=0), name="tier_concurrency_positive"),
            models.CheckConstraint(condition=models.Q(daily_requests__gt=0), name="tier_daily_positive"),
            models.CheckConstraint(condition=models.Q(window_seconds__gt=0), name="tier_window_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Client(models.Model):
    """Who pays and who owns: tasks, limits and money belong to a client, whichever of its keys was used."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100, unique=True)
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="clients")
    is_active = models.BooleanField(default=True, help_text="Switched off, none of the client's keys works.")
    conversation_retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_RETENTION_DAYS)],
        help_text="Days after its last use that a conversation is kept; 0: for ever. Empty for the platform's "
        "CONVERSATION_RETENTION_DAYS.",
    )
    masking = models.CharField(
        max_length=16,
        blank=True,
        choices=MASKINGS,
        db_default="",
        default="",
        help_text="What of the client's tasks, and of what tools and models answer, is neither kept nor passed on.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """One key of a client. The secret itself is stored nowhere: a call is matched by its digest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="keys")
    name = models.CharField(max_length=100, help_text="What the key is for, such as “production backend”.")
    prefix = models.CharField(max_length=32, db_index=True, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    requests = _limit(
        MOST_REQUESTS,
        verbose_name="requests of this key",
        help_text="A narrower limit over the tier's window; empty for the client's limit alone.",
    )
    tokens_per_minute = _limit(
        MOST_TOKENS, verbose_name="tokens per minute of this key", help_text="Narrower than the tier's; or empty."
    )
    concurrency = _limit(
        MOST_CONCURRENT, verbose_name="tasks at once of this key", help_text="Narrower than the tier's; or empty."
    )
    daily_requests = _limit(
        MOST_DAILY_REQUESTS, verbose_name="requests a day of this key", help_text="Narrower than the tier's; or empty."
    )
    family = models.UUIDField(
        default=uuid7,
        editable=False,
        help_text="Keys of one family share the counts of their own limits, so that a new key gives no new room.",
    )
    scopes = models.JSONField(
        default=list, blank=True, help_text="What the key may do; none means everything but making keys."
    )
    allowed_agent_types = models.JSONField(default=list, blank=True)
    allowed_networks = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty for a key that does not expire.")
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    rotated_at = models.DateTimeField(null=True, editable=False)
    successor = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, editable=False, related_name="predecessor"
    )

    # Only on the object that was just issued, to be shown once; never stored.
    secret: str = ""

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(requests__gt=0), name="api_key_requests_positive"),
            models.CheckConstraint(condition=models.Q(tokens_per_minute__gt=0), name="api_key_tokens_positive"),
            models.CheckConstraint(condition=models.Q(concurrency__gt=0), name="api_key_concurrency_positive"),
            models.CheckConstraint(condition=models.Q(daily_requests__gt=0), name="api_key_daily_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def clean(self) -> None:
        """Refuse what no key may be, at every door: see `accounts/issuing.py`."""
        from accounts.issuing import faults  # it knows these tables

        if found := faults(self):
            raise ValidationError(found)

    @property
    def state(self) -> str:
        """`active`, `expired`, `inactive` (switched off, for now) or `revoked` (for good)."""
        if self.revoked_at is not None:
            return "revoked"
        if not self.is_active:
            return "inactive"
        return "expired" if has_passed(self.expires_at) else "active"


def has_passed(moment: datetime | None) -> bool:
    """Tell whether the moment is over; None never is."""
    return moment is not None and moment <= timezone.now()
