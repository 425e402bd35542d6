"""How the console writes figures."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import template

from agents.dashboard import Bar
from agents.presenting import money

register = template.Library()


@register.filter
def number(value: int) -> str:
    """With a thin space between thousands."""
    return f"{value:,}".replace(",", "\u202f")


@register.filter
def usd(value: Decimal) -> str:
    """US dollars, to the cent, or as exact as it takes to show something."""
    return f"${money(value)}" if 0 < value < Decimal("0.01") else f"${value:,.2f}"


@register.filter
def seconds(value: Any) -> str:
    """A time in the unit that is read at a glance; a dash where it is not known."""
    if value is None:
        return "–"
    length = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if length < 1:
        return f"{1000 * length:.0f} ms"
    return f"{length:.1f} s" if length < 120 else f"{length / 60:.0f} min"


@register.filter
def plain(value: float) -> str:
    """As SVG and HTML take numbers."""
    return f"{value:.2f}"


@register.filter
def top(bar: Bar, parts: int) -> str:
    """Where the part of this number begins, from above: the parts stand upon each other."""
    return f"{100 - sum((bar.completed, bar.failed, bar.cancelled)[:parts]):.2f}"
