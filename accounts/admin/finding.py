"""Search in large tables: by what an index finds at once, an id, a word that stands there as it is, or a client's name."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.models import Client

MOST_CLIENTS = 20


class Finding(ModelAdmin):
    """An admin whose search looks for ids in `ids`, for equal words in `words`, and then, with `finds_clients`, for clients."""

    ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    finds_clients = True

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """There is a search."""
        return (*self.ids, *self.words)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What an index finds; no row is read to see whether it has the term somewhere."""
        term = search_term.strip()
        return (queryset.filter(self.matching(queryset, term)) if term else queryset), False

    def matching(self, queryset: QuerySet[Any], term: str) -> Q:
        """The condition that a term means."""
        exact = Q(pk__in=[])
        for name in self.words:
            exact |= Q(**{name: term})
        if (found := as_id(term)) is not None:
            for name in self.ids:
                exact |= Q(**{name: found})
            return exact
        if not self.finds_clients or (self.words and queryset.model._default_manager.filter(exact).exists()):
            return exact
        return Q(client_id__in=clients_named(term))


def as_id(term: str) -> UUID | None:
    """The term as an id, if it is one."""
    try:
        return UUID(term)
    except ValueError:
        return None


def clients_named(term: str) -> list[UUID]:
    """The client of this name, else those whose names have the term in them."""
    exact = list(Client.objects.filter(name__iexact=term).values_list("pk", flat=True))
    return exact or list(Client.objects.filter(name__icontains=term).values_list("pk", flat=True)[:MOST_CLIENTS])
