"""The tables of money. Amounts are US dollars, exact to a billionth; nothing here is ever a float."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import ApiKey, Client

MOST_USD = Decimal(1_000_000_000)
MOST_USD_PER_MILLION = Decimal(100_000)
ZERO = Decimal(0)
THERE_IS_ONE = "There is a budget of this kind and period already; change that one."


def usd(**options: Any) -> Any:
    """A column for an amount."""
    return models.DecimalField(max_digits=19, decimal_places=9, **options)


def _price() -> Any:
    validators = [MinValueValidator(ZERO), MaxValueValidator(MOST_USD_PER_MILLION)]
    return models.DecimalField(
        max_digits=12, decimal_places=6, validators=validators, help_text="US dollars per million tokens; 0: free."
    )


class Budget(models.Model):
    """How much a client, or one of its keys, may spend in a period. A client may have several; each counts for itself."""

    class Period(models.TextChoices):
        DAY = "day", "a day (UTC)"
        MONTH = "month", "a calendar month (UTC)"
        LIFETIME = "lifetime", "for good, from when the budget was made"

    client = models.ForeignKey(Client, models.CASCADE, related_name="budgets")
    api_key = models.ForeignKey(
        ApiKey,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
        verbose_name="API key",
        help_text="Empty: all the client's keys together. A key and its successors share one budget.",
    )
    period = models.CharField(max_length=8, choices=Period, default=Period.MONTH)
    limit_usd = usd(
        verbose_name="limit in USD",
        validators=[MinValueValidator(ZERO), MaxValueValidator(MOST_USD)],
        help_text="0 lets nothing through that costs.",
    )
    is_hard = models.BooleanField(
        "hard", default=True, help_text="Off: nothing is refused; once a period an alert says that more was spent."
    )
    is_active = models.BooleanField("active", default=True, help_text="Switched off, it neither counts nor refuses.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["client__name", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(limit_usd__gte=0), name="budget_limit_not_negative"),
            models.UniqueConstraint(
                fields=("client", "period", "is_hard"),
                condition=models.Q(api_key=None),
                name="budget_of_client_once",
                violation_error_message=THERE_IS_ONE,
            ),
            models.UniqueConstraint(
                fields=("api_key", "period", "is_hard"), name="budget_of_key_once", violation_error_message=THERE_IS_ONE
            ),
        ]

    def __str__(self) -> str:
        return f"${plain(self.limit_usd)} {self.get_period_display()}"

    def clean(self) -> None:
        """Refuse a key of another client. Raises ValidationError."""
        if self.api_key is not None and self.api_key.client_id != self.client_id:
            raise ValidationError({"api_key": "This key belongs to another client."})


class Balance(models.Model):
    """Where a budget stands in one period. Changed only with the row locked; made when the period's first call is.

    `carried_usd` is the part of `spent_usd` that no row of the ledger names: it was spent before the budget was made, or
    its rows were pruned.
    """

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="balances")
    period_start = models.DateTimeField()
    spent_usd = usd(default=ZERO)
    reserved_usd = usd(default=ZERO)
    carried_usd = usd(default=ZERO)
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-period_start"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("budget", "period_start"), name="balance_of_period"),
            models.CheckConstraint(condition=models.Q(reserved_usd__gte=0), name="balance_reserved_not_negative"),
            models.CheckConstraint(condition=models.Q(spent_usd__gte=0), name="balance_spent_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.budget} from {self.period_start:%Y-%m-%d}"

    @property
    def left_usd(self) -> Decimal:
        """What is neither spent nor reserved; below 0 when more was spent than a soft budget says."""
        left: Decimal = self.budget.limit_usd - self.spent_usd - self.reserved_usd
        return left


class Reservation(models.Model):
    """What is set aside of one balance for one model call: until its settlement, whatever becomes of its process.

    `is_called`: the call may have been sent. Otherwise the money waits with a queued task for its first call.
    """

    balance = models.ForeignKey(Balance, models.CASCADE, related_name="reservations")
    task_id = models.UUIDField(db_index=True)
    run = models.CharField(max_length=64)
    amount_usd = usd()
    is_called = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("task_id", "run", "balance"), name="reservation_of_run"),
            models.CheckConstraint(condition=models.Q(amount_usd__gte=0), name="reservation_not_negative"),
        ]

    def __str__(self) -> str:
        return f"${plain(self.amount_usd)} for {self.task_id} {self.run}"


class LedgerEntry(models.Model):
    """One line of the ledger: what one model call cost in the end. Append-only; a trigger refuses anything else.

    `seq` is the number of the journal's event that settled it, so nothing can be settled twice. `balances` names those
    it was charged to.
    """

    class Kind(models.TextChoices):
        ANSWERED = "answered", "answered: at the tokens used"
        FAILED = "failed", "failed: at what the provider is known to charge, else as reserved"
        UNKNOWN = "unknown", "not heard of again: as reserved"
        UNSENT = "unsent", "never sent: nothing"

    task_id = models.UUIDField()
    seq = models.PositiveIntegerField()
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)  # an index begins with it
    api_key_id = models.UUIDField(null=True)
    model = models.CharField(max_length=200)
    run = models.CharField(max_length=64)
    step = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    amount_usd = usd()
    reserved_usd = usd()
    balances = ArrayField(models.BigIntegerField(), default=list)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger"
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [
            models.Index(fields=("client", "at"), name="entry_of_client"),
            models.Index(fields=("-at", "-id"), name="entry_newest"),
            models.Index(fields=("model", "-at", "-id"), name="entry_of_model"),
            models.Index(fields=("kind", "-at", "-id"), name="entry_unusual", condition=~models.Q(kind="answered")),
            # All that the doctor adds up, so that it need not read the rows.
            models.Index(
                fields=("at",),
                include=("amount_usd", "balances"),
                name="entry_charged",
                condition=~models.Q(balances=[]),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("task_id", "seq"), name="entry_settled_once"),
            models.CheckConstraint(condition=models.Q(amount_usd__gte=0), name="entry_not_negative"),
        ]

    def __str__(self) -> str:
        return f"${plain(self.amount_usd)} {self.model}"


class Pruning(models.Model):
    """The ledger's older part was deleted: entries of tasks that ended before `before`."""

    before = models.DateTimeField()
    entries = models.PositiveBigIntegerField()
    amount_usd = usd()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-at"]

    def __str__(self) -> str:
        return f"before {self.before:%Y-%m-%d}"


class Price(models.Model):
    """What a model costs from a moment on, by its name, whatever the provider. Goes before the list price."""

    model = models.CharField(max_length=200, help_text="As agents name it.")
    input_usd = _price()
    output_usd = _price()
    valid_from = models.DateTimeField(db_default=Now(), help_text="Calls from then on cost this; UTC.")

    class Meta:
        ordering: ClassVar = ["model", "-valid_from"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=("model", "valid_from"), name="price_of_model_at"),
            models.CheckConstraint(condition=models.Q(input_usd__gte=0, output_usd__gte=0), name="price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.model}: ${plain(self.input_usd)} in, ${plain(self.output_usd)} out"

    def clean(self) -> None:
        """Refuse a new price that would have held already: what was charged does not change. Raises ValidationError."""
        begins: Any = self.valid_from  # or what stands for the database's default, or nothing at all
        is_past = isinstance(begins, datetime) and begins < timezone.now() - timedelta(minutes=5)
        if self.pk is None and is_past:
            raise ValidationError(
                {"valid_from": "This is in the past, and what was charged then stays as it is; take now."}
            )


def plain(amount: Decimal) -> str:
    """The amount without zeros at its end: 5, 0.25."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
