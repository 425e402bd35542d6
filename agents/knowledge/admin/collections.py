"""Collections in the console: who may read them, and what an agent would find in them."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import audit
from accounts.admin.audit import Audited
from agents.knowledge import services, trying
from agents.knowledge.models import Collection, Document
from agents.knowledge.search import MAX_QUERY_CHARACTERS
from agents.models import Agent, AgentVersion

TOOL = "knowledge_search"


class CollectionForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    agents = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=f"Who may read it; nobody else finds anything in it. An agent also needs the tool {TOOL}.",
    )

    class Meta:
        model = Collection
        fields = ("name", "description", "language", "agents")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        slugs = sorted({*Agent.objects.values_list("slug", flat=True), *self.instance.agents})
        self.fields["agents"].choices = [(slug, slug) for slug in slugs]  # type: ignore[attr-defined]  # the field above


@admin.register(Collection)
class CollectionAdmin(Audited):
    form = CollectionForm
    list_display = ("name", "language", "readers", "documents_count", "passages_count")
    search_fields = ("name", "description")
    show_full_result_count = False
    change_form_outer_after_template = "knowledge/collection.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        documents = Document.objects.filter(collection=OuterRef("pk")).order_by().values("collection")
        return Collection.objects.annotate(
            documents_found=Subquery(documents.annotate(found=Count("pk")).values("found"), IntegerField()),
            passages_found=Subquery(documents.annotate(found=Sum("passages_count")).values("found"), IntegerField()),
        )

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Collection, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "language" in form.changed_data and (count := services.read_all_again(obj)):
            messages.info(request, f"{count} documents are read anew, for their language is another one.")
        for slug in _without_tool(obj.agents):
            messages.warning(request, f"The agent {slug} cannot search yet: its published version has no {TOOL}.")

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        services.delete_collection(obj, actor=audit.operator(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        for collection in queryset:
            services.delete_collection(collection, actor=audit.operator(request))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """In words, for there may be passages by the hundred thousand."""
        told = [
            f"{each}, with {each.documents_found or 0} documents and {each.passages_found or 0} passages"
            for each in objs
        ]
        return told, {"collections": len(told)}, set(), []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, and below it what an agent would find for the query of the address."""
        shown: dict[str, Any] = {"query": request.GET.get("q", "")[:MAX_QUERY_CHARACTERS]}
        collection = self.get_object(request, object_id) if request.method == "GET" else None
        if collection and shown["query"].strip() and self.has_view_permission(request, collection):
            shown["tried"] = trying.tried(collection, shown["query"], settings.KNOWLEDGE_PASSAGES)
        page: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return page

    @display(description="read by")
    def readers(self, collection: Collection) -> str:
        return ", ".join(collection.agents) or "nobody"

    @display(description="documents", ordering="documents_found")
    def documents_count(self, collection: Any) -> int:
        return collection.documents_found or 0

    @display(description="passages", ordering="passages_found")
    def passages_count(self, collection: Any) -> int:
        return collection.passages_found or 0


def _without_tool(slugs: list[str]) -> list[str]:
    published = AgentVersion.objects.filter(agent__slug__in=slugs, status=AgentVersion.Status.PUBLISHED)
    able = set(published.filter(tools__contains=[TOOL]).values_list("agent__slug", flat=True))
    return [slug for slug in slugs if slug not in able]
