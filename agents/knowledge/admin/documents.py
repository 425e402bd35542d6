"""Documents in the console: uploaded, watched while they are read, renamed, read again, deleted."""

from typing import Any
from urllib.parse import quote

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts import audit
from accounts.admin.audit import Audited
from agents.knowledge import index, services
from agents.knowledge.admin.uploading import UploadForm, take_in
from agents.knowledge.formats import MEDIA_TYPES
from agents.knowledge.models import Document, DocumentFile

STATUS_COLOURS = {"waiting": "info", "reading": "info", "ready": "success", "failed": "danger"}
UNREAD = (Document.Status.WAITING, Document.Status.READING)
LOOK_AGAIN_SECONDS = "3"
FACTS = (
    "collection", "state", "reason", "file_link", "size", "pages", "characters", "passages_link", "suspects_link",
    "uploaded_at", "read_at", "sha256",
)  # fmt: skip


class DocumentForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    class Meta:
        model = Document
        fields = ("title", "language")

    def clean_title(self) -> str:
        """A title of its own within the collection, which the form does not show and so does not check by itself."""
        title = str(self.cleaned_data["title"])
        if self.instance.collection.documents.filter(title=title).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(
                "Another document of the collection has this title; answers must tell them apart."
            )
        return title


@admin.register(Document)
class DocumentAdmin(Audited):
    form = DocumentForm
    list_display = ("title", "collection", "shown_status", "pages", "passages_count", "size", "uploaded_at")
    list_filter = ("status", "collection", "format")
    list_select_related = ("collection",)
    search_fields = ("title", "file_name", "=sha256")
    search_help_text = "A title, a file's name, or its SHA-256"
    show_full_result_count = False
    actions = ("read_again",)
    readonly_fields = FACTS
    fields = ("title", "language", *FACTS)
    change_form_outer_after_template = "knowledge/document.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Document | None = None) -> tuple[str, ...]:
        """While it is read its page looks again every few seconds, so there is nothing to type."""
        return (*FACTS, "title", "language") if obj and obj.status in UNREAD else FACTS

    def get_urls(self) -> list[Any]:
        acts = [
            path("<int:document_id>/file/", self.admin_site.admin_view(self.file_view), name="knowledge_document_file"),
            path(
                "<int:document_id>/read-again/",
                self.admin_site.admin_view(require_POST(self.read_again_view)),
                name="knowledge_document_read_again",
            ),
        ]
        return [*acts, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The page that takes files in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None, initial=request.GET.dict())
        if request.method == "POST" and form.is_valid() and take_in(request, form):
            documents = reverse("admin:knowledge_document_changelist")
            return redirect(f"{documents}?collection__id__exact={form.cleaned_data['collection'].pk}")
        context = {
            **self.admin_site.each_context(request),
            "title": "Upload documents",
            "opts": self.opts,
            "form": form,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "knowledge/upload.html", context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list, which looks again while something on it is being read."""
        page: Any = super().changelist_view(request, extra_context)
        if "cl" in (context := getattr(page, "context_data", None) or {}):
            shown = context["cl"].result_list
            _look_again(page, any(document.status in UNREAD for document in shown))
        return page  # type: ignore[no-any-return]  # a redirect, or the page's TemplateResponse

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        page: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        document = getattr(page, "context_data", {}).get("original")
        return _look_again(page, document is not None and document.status in UNREAD)

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        before = audit.snapshot(Document.objects.select_for_update().get(pk=obj.pk))
        Document.objects.filter(pk=obj.pk).update(title=obj.title, language=obj.language)
        obj.refresh_from_db()
        audit.record(audit.operator(request), "changed", obj, before=before)
        if "language" in form.changed_data:
            services.read_again(obj, actor=audit.operator(request))
        elif "title" in form.changed_data:
            index.retitle(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """In words, for a document may have thousands of passages."""
        told = [f"{each}, with {each.passages_count} passages" for each in objs]
        return told, {"documents": len(told)}, set(), []

    @admin.action(description="Read again", permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            services.read_again(document, actor=audit.operator(request))
        messages.success(request, f"{len(queryset)} documents wait to be read again.")

    def read_again_view(self, request: HttpRequest, document_id: int) -> HttpResponse:
        """The button of one document's page."""
        document = get_object_or_404(Document, pk=document_id)
        if not self.has_change_permission(request, document):
            raise PermissionDenied
        services.read_again(document, actor=audit.operator(request))
        return redirect("admin:knowledge_document_change", document_id)

    def file_view(self, request: HttpRequest, document_id: int) -> HttpResponse:
        """The file as it was uploaded, to be saved: a browser that opened it here would run what is in it."""
        file = get_object_or_404(DocumentFile.objects.select_related("document"), pk=document_id)
        if not self.has_view_permission(request, file.document):
            raise PermissionDenied
        name = quote(file.document.file_name.rpartition("/")[2])
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(bytes(file.content), content_type=MEDIA_TYPES[file.document.format], headers=headers)

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, document: Document) -> tuple[str, str]:
        return document.status, _state(document)

    @display(description="status")
    def state(self, document: Document) -> str:
        return _state(document)

    @display(description="size", ordering="size_bytes")
    def size(self, document: Document) -> str:
        return filesizeformat(document.size_bytes)

    @display(description="file")
    def file_link(self, document: Document) -> SafeString:
        address = reverse("admin:knowledge_document_file", args=[document.pk])
        return format_html('<a href="{}" class="text-primary-600">{}</a>', address, document.file_name)

    @display(description="passages")
    def passages_link(self, document: Document) -> SafeString:
        address = reverse("admin:knowledge_passage_changelist")
        return format_html(
            '<a href="{}?document__id__exact={}" class="text-primary-600">{}</a>',
            address, document.pk, document.passages_count,
        )  # fmt: skip

    @display(description="that read like attacks")
    def suspects_link(self, document: Document) -> SafeString | str:
        if not document.suspect_passages:
            return "none"
        address = reverse("admin:knowledge_passage_changelist")
        return format_html(
            '<a href="{}?document__id__exact={}&suspect=yes" class="text-primary-600">{}</a>',
            address, document.pk, document.suspect_passages,
        )  # fmt: skip


def _state(document: Document) -> str:
    progress = f" {document.percent} %" if document.status == Document.Status.READING and document.percent else ""
    return f"{document.get_status_display().lower()}{progress}"


def _look_again(page: HttpResponse, is_unread: bool) -> HttpResponse:
    if is_unread:
        page["Refresh"] = LOOK_AGAIN_SECONDS
    return page
