"""The step between a form and its Save that shows what a changed limit or budget would have decided otherwise."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.admin.audit import Audited
from accounts.models import LIMITS
from accounts.preview.previews import Preview

SKIPPED = ("csrfmiddlewaretoken", "_preview")


class Previewed(Audited):
    """A page whose form has a button “Preview”. `preview_of` makes the preview of the changed object, which is not saved."""

    preview_of: Callable[[Any], Preview]
    previewed_fields: tuple[str, ...] = (*LIMITS, "window_seconds")
    preview_template = "accounts/preview.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The preview when it is asked for and the form is right; else the form, with its faults."""
        if "_preview" in request.POST and (shown := self._previewed(request, object_id)):
            return shown
        context = {"has_preview": True, **(extra_context or {})}
        shown_form: HttpResponse = super().change_view(request, object_id, form_url, context)
        return shown_form

    def _previewed(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        obj = self.get_object(request, object_id)
        if obj is None or not self.has_change_permission(request, obj):
            return None
        form = self.get_form(request, obj, change=True)(request.POST, request.FILES, instance=obj)
        if not form.is_valid():
            return None
        changes = [
            (form.fields[name].label or name, form.initial.get(name), form.cleaned_data[name])
            for name in form.changed_data
            if name in self.previewed_fields
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Preview: {obj}",
            "opts": self.opts,
            "subject": str(form.instance),
            "changes": changes,
            "other_changes": [name for name in form.changed_data if name not in self.previewed_fields],
            "preview": self.preview_of(form.instance) if changes else None,
            "sent": [(name, value) for name, values in request.POST.lists() for value in values if name not in SKIPPED],
        }
        return TemplateResponse(request, self.preview_template, context)
