"""HTTP APIs, and their operations."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from agents.http_apis.authentication import Scheme
from agents.http_apis.spec import ApiSpec
from agents.toolsets import headers
from agents.toolsets.models import Toolset, ToolsetTool
from agents.toolsets.urls import checked_url


class HttpApi(Toolset):
    """One API, as an OpenAPI document describes it."""

    title = models.CharField(max_length=200, blank=True, editable=False)
    document = models.TextField(blank=True, editable=False)
    document_url = models.CharField(
        "URL of the document",
        max_length=500,
        blank=True,
        help_text="Where “Look up tools” fetches the document; empty when you paste or upload it.",
    )
    base_url = models.CharField(
        "base URL",
        max_length=500,
        blank=True,
        help_text="Where the API is, such as https://api.example.com/v1. Empty: the first server that the document names.",
    )
    asks_for = models.CharField("the document asks for", max_length=500, blank=True, editable=False)
    scheme = models.CharField("credentials", max_length=8, choices=Scheme, default=Scheme.NONE)
    credential_name = models.CharField(
        "name of the header or parameter",
        max_length=100,
        blank=True,
        help_text="For an API key: X-API-Key for a header, or key for a query.",
    )
    idempotency_header = models.CharField(
        max_length=100,
        blank=True,
        help_text="Where the API has one, such as Idempotency-Key: it gets a value that is the same when a call is made again.",
    )

    LEFT_OUT_OF_AUDIT = Toolset.LEFT_OUT_OF_AUDIT | {"document"}

    class Meta(Toolset.Meta):
        verbose_name = "HTTP API"
        verbose_name_plural = "HTTP APIs"

    def clean(self) -> None:
        """Raise ValidationError for what cannot be called."""
        super().clean()
        for name in ("document_url", "base_url"):
            if url := getattr(self, name):
                checked_url(name, url)
        if "?" in self.base_url or "#" in self.base_url:
            raise ValidationError({"base_url": "A base URL has no query and no fragment."})
        if self.idempotency_header and (fault := headers.fault(self.idempotency_header, "x")):
            raise ValidationError({"idempotency_header": f"It cannot be sent: {fault}"})
        needs_name = self.scheme in (Scheme.HEADER, Scheme.QUERY)
        if needs_name and not self.credential_name:
            raise ValidationError({"credential_name": "Say in which header or parameter the key goes."})
        if self.credential_name and not needs_name:
            raise ValidationError({"credential_name": "Only an API key has a name; leave it empty."})
        if self.scheme == Scheme.HEADER and (fault := headers.fault(self.credential_name, "x")):
            raise ValidationError({"credential_name": f"It cannot be sent: {fault}"})

    @property
    def spec(self) -> ApiSpec:
        """What a call is made by."""
        return ApiSpec(
            name=self.name,
            base_url=self.base_url,
            scheme=self.scheme,
            credential_name=self.credential_name,
            sealed=self.sealed,
            idempotency_header=self.idempotency_header,
            call_seconds=self.call_seconds,
        )


class HttpOperation(ToolsetTool):
    """One operation of an API."""

    api = models.ForeignKey(HttpApi, models.CASCADE, related_name="tools", editable=False, verbose_name="API")

    class Meta(ToolsetTool.Meta):
        verbose_name = "HTTP operation"
        constraints = (models.UniqueConstraint(fields=("api", "remote_name"), name="http_operation_of_api"),)

    @property
    def toolset(self) -> Any:
        return self.api
