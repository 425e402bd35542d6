"""The form of a toolset, with credentials that go in and never come out."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from agentplatform import credentials

MAX_CREDENTIALS = 20
MAX_VALUE_CHARACTERS = 8000


class ToolsetForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """`endpoint` names the fields that say who gets the credentials: with another, they are asked for again."""

    endpoint: ClassVar[tuple[str, ...]] = ()

    forget_credentials = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Remove those that are stored."
    )

    @property
    def has_new_endpoint(self) -> bool:
        """Whether the toolset is to be found elsewhere from now on."""
        return bool(self.instance.pk) and any(name in self.changed_data for name in self.endpoint)

    def new_credentials(self) -> dict[str, str] | None:
        """Those that were entered; none, to keep what is stored."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        entered = None if self.errors else self.new_credentials()
        if entered is not None:
            self.instance.sealed = credentials.seal(entered)
        elif data.get("forget_credentials"):
            self.instance.sealed = ""
        elif self.has_new_endpoint and self.instance.sealed and not self.errors:
            raise ValidationError(
                "What is stored as credentials was meant for the former address or command. Enter the credentials anew, or "
                "have them forgotten."
            )
        return data


def named_values(text: str, separator: str, check: Callable[[str, str], str]) -> dict[str, str]:
    """Values by name, from one a line; `check` gives a fault of one, if any. Raises ValidationError, which repeats no value."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, found, value = (part.strip() for part in line.partition(separator))
        if not found or not name or not value:
            raise ValidationError(f"Line {number} is not of the form NAME{separator} value.")
        if len(value) > MAX_VALUE_CHARACTERS:
            raise ValidationError(f"The value in line {number} is longer than {MAX_VALUE_CHARACTERS} characters.")
        if fault := check(name, value):
            raise ValidationError(f"Line {number}: {fault}")
        values[name] = value
    if len(values) > MAX_CREDENTIALS:
        raise ValidationError(f"These are {len(values)} values; at most {MAX_CREDENTIALS} are kept.")
    return values


def credentials_field(help_text: str) -> forms.CharField:
    """A field for named values, one a line, which is never filled in by us."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(required=False, widget=widget, max_length=50_000, help_text=help_text)
