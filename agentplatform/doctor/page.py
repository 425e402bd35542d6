"""The doctor in the console: the same checks, and a button for each remedy that is safe at any time."""

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from agentplatform.doctor import examining
from agentplatform.doctor.findings import worst


def doctor(request: HttpRequest) -> HttpResponse:
    """Show what each check finds; a POST applies the remedy it names."""
    if request.method == "POST":
        name = request.POST.get("remedy", "")
        if not request.user.is_superuser or name not in settings.DOCTOR_REMEDIES:
            raise PermissionDenied
        messages.success(request, examining.remedy(name))
        return redirect("doctor")
    examined = list(examining.examine())
    context = {
        **admin.site.each_context(request),
        "title": "Doctor",
        "examined": examined,
        "verdict": worst(examined).verdict,
        "remedies": {name: label for name, (label, _) in settings.DOCTOR_REMEDIES.items()},
    }
    return TemplateResponse(request, "agentplatform/doctor.html", context)
