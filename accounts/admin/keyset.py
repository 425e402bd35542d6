"""Lists of large tables in the console: pages by place rather than by number, so that the last costs as much as the first.

Nothing is counted, and the order is the one that an index has.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

LAST = "last"
AFTER, BEFORE = "after", "before"
SEPARATOR = "~"


class Uncounted(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """What the console asks for the template of the links, and for nothing else."""

    template_name = "accounts/keyset_pages.html"


class KeysetList(ChangeList):
    """A page of the list. `p` in the address says which: after a row, before one, or the last; anything else is the first."""

    model_admin: "Keyset"

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        """The order of the keyset alone: any other would sort the whole table."""
        return list(self.model_admin.keyset)

    def get_results(self, request: HttpRequest) -> None:
        """Read one row more than fits, to know whether there is another page."""
        kind, row = self._place(request.GET.get(PAGE_VAR, ""))
        is_backward = kind in (LAST, BEFORE)
        rows = self.queryset.reverse() if is_backward else self.queryset
        if row is not None:
            rows = rows.filter(_beyond(self.model_admin.keyset, row, is_backward=is_backward))
        found = list(rows[: self.list_per_page + 1])
        is_more = len(found) > self.list_per_page
        shown = found[: self.list_per_page]
        if is_backward:
            shown.reverse()
        self.result_list = shown
        self.result_count, self.full_result_count, self.show_full_result_count = len(shown), None, False
        self.show_admin_actions, self.can_show_all, self.multi_page = True, False, False
        self.paginator = Uncounted(shown, self.list_per_page)
        self.has_earlier = is_more if is_backward else row is not None
        self.has_later = is_more if not is_backward else kind == BEFORE

    @property
    def page_links(self) -> list[tuple[str, str]]:
        """The links below the list, each with its address; an empty one leads nowhere from here."""
        earlier, later = self.has_earlier, self.has_later
        shown: Sequence[Model] = self.result_list
        return [
            ("First", self.get_query_string(remove=[PAGE_VAR]) if earlier else ""),
            ("Previous", self._address(BEFORE, shown[0]) if earlier and shown else ""),
            ("Next", self._address(AFTER, shown[-1]) if later and shown else ""),
            ("Last", self.get_query_string({PAGE_VAR: LAST}) if later else ""),
        ]

    def _address(self, kind: str, row: Model) -> str:
        values = [str(field.value_to_string(row)) for field in self._fields()]
        return str(self.get_query_string({PAGE_VAR: SEPARATOR.join([kind, *values])}))

    def _place(self, text: str) -> tuple[str, list[Any] | None]:
        kind, *values = text.split(SEPARATOR)
        names = self.model_admin.keyset
        if kind == LAST or kind not in (AFTER, BEFORE) or len(values) != len(names):
            return (LAST if text == LAST else ""), None
        try:
            return kind, [field.to_python(value) for field, value in zip(self._fields(), values, strict=True)]
        except ValidationError:
            return "", None

    def _fields(self) -> list[Any]:
        named = {field.attname: field for field in self.lookup_opts.concrete_fields}
        return [named[_bare(name)] for name in self.model_admin.keyset]


class Keyset(ModelAdmin):
    """An admin of a large table. An index begins with `keyset`, of which the last is unique; all of it runs one way."""

    keyset: tuple[str, ...] = ("-created_at", "-id")
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetList]:
        """Django's own would count."""
        return KeysetList


def _bare(name: str) -> str:
    return name.removeprefix("-")


def _beyond(keyset: Sequence[str], row: Sequence[Any], *, is_backward: bool) -> Q:
    """The rows that come after this one in the order, or before it. The first condition bounds the walk of the index."""
    first, last = keyset[0], keyset[-1]
    word = "lt" if first.startswith("-") is not is_backward else "gt"
    bound = Q(**{f"{_bare(first)}__{word}e": row[0]})
    if len(keyset) == 1:
        return Q(**{f"{_bare(first)}__{word}": row[0]})
    return bound & (Q(**{f"{_bare(first)}__{word}": row[0]}) | Q(**{f"{_bare(last)}__{word}": row[-1]}))
