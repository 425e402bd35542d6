"""The form that makes and changes a key."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts.models import SCOPES, ApiKey, has_passed


class SlugsField(forms.CharField):
    """Slugs, comma-separated on the page and a list everywhere else."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return sorted({word.strip() for word in (value or "").split(",") if word.strip()})

    def validate(self, value: Any) -> None:
        for slug in value:
            validate_slug(slug)

    def run_validators(self, value: Any) -> None:
        """None: `validate` has looked at each slug."""


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        required=False,
        help_text="What the key may do; none ticked means everything.",
    )
    allowed_agent_types = SlugsField(
        required=False, help_text="Slugs of agents, comma-separated; empty for every agent, future ones too."
    )

    class Meta:
        model = ApiKey
        fields: ClassVar = ["client", "name", "requests", "scopes", "allowed_agent_types", "expires_at"]

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if "expires_at" in self.changed_data and has_passed(moment):
            raise ValidationError("This is in the past; choose a moment to come, or leave it empty.")
        return moment
