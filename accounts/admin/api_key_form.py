"""The form that makes and changes a key."""

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import LIMITS, SCOPES, ApiKey, has_passed


class WordsField(forms.CharField):
    """Words, comma-separated on the page and a list everywhere else. What they may be, the model says."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return sorted({word.strip() for word in (value or "").split(",") if word.strip()})

    def validate(self, value: Any) -> None:
        """Nothing: see above."""

    def run_validators(self, value: Any) -> None:
        """Nothing: see above."""


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
        help_text="What the key may do; none ticked means everything but making keys.",
    )
    allowed_agent_types = WordsField(
        required=False, help_text="Slugs of agents, comma-separated; empty for every agent, future ones too."
    )
    allowed_networks = WordsField(
        required=False,
        help_text="Addresses and networks that the key may be used from, comma-separated, such as 203.0.113.0/24, "
        "2001:db8::/32; empty for everywhere.",
    )

    class Meta:
        model = ApiKey
        fields: ClassVar = [
            "client",
            "name",
            "scopes",
            "allowed_agent_types",
            "allowed_networks",
            "expires_at",
            *LIMITS,
        ]

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if "expires_at" in self.changed_data and has_passed(moment):
            raise ValidationError("This is in the past; choose a moment to come, or leave it empty.")
        return moment


class RotationForm(forms.Form):
    """How long a key works beside its successor."""

    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=720,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0 ends the old key at once; empty for the usual overlap.",
    )

    @property
    def overlap(self) -> timedelta | None:
        """What was asked for; None for the usual."""
        hours = self.cleaned_data["overlap_hours"]
        return None if hours is None else timedelta(hours=hours)
