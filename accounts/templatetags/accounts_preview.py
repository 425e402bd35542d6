"""A preview's figures in words."""

from decimal import Decimal

from django import template

from accounts.preview.replay import Comparison, Tally

register = template.Library()


@register.filter
def would_have(tally: Tally, done: str) -> str:
    """Such as: Would have refused 37 requests of 3 keys."""
    return f"Would have {done} {_many(tally.count, 'request')} of {_many(len(tally.keys), 'key')}"


@register.filter
def by_limit(tally: Tally) -> str:
    """By which limits, the most frequent first: requests 30, tokens 7."""
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in tally.limits.most_common())


@register.filter
def setting(value: object) -> str:
    """A field's value: no limit, yes and no, else as it is."""
    return (
        {None: "no limit", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)
    )


@register.filter
def usd(amount: Decimal) -> str:
    """Cents, and parts of a cent where it is less than one."""
    return f"{amount:.2f}" if amount == 0 or amount >= Decimal("0.01") else f"{amount:.6f}".rstrip("0")


@register.filter
def agreement(found: Comparison) -> str:
    """The share of requests that the replay decides as they were decided; rounded down, so that 100 % means all."""
    return f"{found.agreed * 1000 // (found.requests or 1) / 10 if found.requests else 100:g} %"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
