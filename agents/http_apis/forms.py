"""The form of an HTTP API."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from agents.http_apis import document as documents
from agents.http_apis.authentication import Scheme
from agents.http_apis.document import MAX_DOCUMENT_BYTES, BadDocument, Document
from agents.http_apis.models import HttpApi
from agents.toolsets import headers
from agents.toolsets.forms import ToolsetForm


class HttpApiForm(ToolsetForm):
    endpoint: ClassVar[tuple[str, ...]] = ("base_url", "scheme", "credential_name")

    pasted = forms.CharField(
        label="Document",
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="An OpenAPI document, 3.0 or 3.1, in JSON or YAML. Empty keeps what is there.",
    )
    uploaded = forms.FileField(label="Or a file", required=False, widget=UnfoldAdminFileFieldWidget)
    user = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For user and password.",
    )
    secret = forms.CharField(
        required=False,
        max_length=8000,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "type": "password"}),
        help_text="The token, the password or the key. It is stored encrypted and never shown again; empty keeps what is stored.",
    )

    read: Document | None = None
    """The document that was entered, if any."""
    text = ""

    class Meta:
        model = HttpApi
        fields: ClassVar = [
            "name", "document_url", "base_url", "is_active", "approves_all", "call_seconds", "scheme", "credential_name",
            "idempotency_header",
        ]  # fmt: skip

    @property
    def has_new_endpoint(self) -> bool:
        """Whether calls go elsewhere, or the credentials with them, from now on. At first there is no base URL."""
        return super().has_new_endpoint and bool(self.initial.get("base_url"))

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        self.text = self._entered(data)
        if self.text:
            try:
                self.read = documents.read(self.text)
            except BadDocument as error:
                raise ValidationError({"uploaded" if data.get("uploaded") else "pasted": str(error)}) from error
        if not self.text and not self.instance.document and not data.get("document_url"):
            self.add_error("pasted", "A document is needed: paste it, upload it, or give its URL.")
        elif self.read and not data.get("base_url") and not self.read.base_url(data.get("document_url") or ""):
            self.add_error("base_url", "The document names no server; enter the base URL of the API.")
        return data

    def new_credentials(self) -> dict[str, str] | None:
        """What was entered, as its scheme wants it. Raises ValidationError."""
        data = self.cleaned_data
        scheme, user, secret = data.get("scheme"), data.get("user", ""), data.get("secret", "")
        if not user and not secret:
            return None
        if scheme == Scheme.NONE:
            raise ValidationError({"scheme": "Say how the credentials are sent."})
        if not secret:
            raise ValidationError({"secret": "Enter the password as well: what is stored is not kept in part."})
        if user and scheme != Scheme.BASIC:
            raise ValidationError({"user": "Only “User and password” has a user; leave it empty."})
        if scheme == Scheme.BASIC and (not user or ":" in user):
            raise ValidationError({"user": "A user name is needed, without a colon."})
        if not headers.VALUE.fullmatch(secret) or (user and not headers.VALUE.fullmatch(user)):
            raise ValidationError({"secret": "It has a character that cannot be sent; it takes plain ASCII."})
        return {"user": user, "secret": secret} if user else {"secret": secret}

    def _entered(self, data: dict[str, Any]) -> str:
        pasted, uploaded = data.get("pasted", ""), data.get("uploaded")
        if uploaded is None:
            return pasted if pasted.strip() else ""
        if pasted.strip():
            raise ValidationError({"uploaded": "Paste the document or upload it, not both."})
        if uploaded.size > MAX_DOCUMENT_BYTES:
            raise ValidationError({"uploaded": f"The document is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB."})
        try:
            return str(uploaded.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValidationError({"uploaded": "The document is no text in UTF-8."}) from error
