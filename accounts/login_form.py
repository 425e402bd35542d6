"""The console's login: a password, and a code where the operator has a second factor."""

from typing import Any

from django import forms
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import second_factor

ATTRIBUTES = {"autocomplete": "one-time-code", "spellcheck": "false", "autocapitalize": "off"}
NEEDED = "Enter the code that your authenticator app shows, or one of your recovery codes."
WRONG = "This code is not right. Codes change every 30 seconds, each is taken once, and after a wrong one the next has to wait."


class LoginForm(AuthenticationForm):
    """Asks for the code of whoever has a second factor, and lets nobody know who has one without the password."""

    code = forms.CharField(required=False, max_length=32, widget=UnfoldAdminTextInputWidget(attrs=ATTRIBUTES))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        user: Any = self.get_user()
        if user and second_factor.has_one(user):
            if not (code := cleaned.get("code")):
                raise forms.ValidationError(NEEDED)
            user.otp_device = second_factor.verified(user, code)
            if user.otp_device is None:
                raise forms.ValidationError(WRONG)
        return cleaned
