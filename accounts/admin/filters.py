"""Filters of large tables, which read neither all rows nor all clients to say what there is to choose from."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.finding import as_id
from accounts.models import Client

MOST_CLIENTS = 30
MOST_VALUES = 200
# A step to the next value costs one look into an index that begins with the column.
VALUES = """
    WITH RECURSIVE seen(value, number) AS (
        (SELECT {column}, 1 FROM {table} WHERE {where} ORDER BY {column} LIMIT 1)
        UNION ALL
        SELECT (SELECT {column} FROM {table} WHERE {where} AND {column} > seen.value ORDER BY {column} LIMIT 1), number + 1
        FROM seen WHERE seen.value IS NOT NULL AND number < %s
    ) SELECT value FROM seen WHERE value IS NOT NULL
"""


class EachValue(admin.FieldListFilter):
    """Each value that the column has, for columns that an index begins with; `where` is that of a partial one."""

    where = "TRUE"

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        self.parameter = field_path
        super().__init__(field, request, params, model, model_admin, field_path)
        self.chosen = self.used_parameters.get(field_path)
        quote = connection.ops.quote_name
        statement = VALUES.format(column=quote(field.column), table=quote(model._meta.db_table), where=self.where)
        with connection.cursor() as cursor:
            cursor.execute(statement, [MOST_VALUES])
            self.values = [str(value) for (value,) in cursor.fetchall() if value != ""]

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def has_output(self) -> bool:
        return bool(self.values)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        chosen = self.chosen[0] if isinstance(self.chosen, list) else self.chosen
        yield {
            "selected": chosen is None,
            "query_string": changelist.get_query_string(remove=[self.parameter]),
            "display": "All",
        }
        for value in self.values:
            address = changelist.get_query_string({self.parameter: value})
            yield {"selected": value == chosen, "query_string": address, "display": value}


class ClientFilter(admin.SimpleListFilter):
    """Clients by name, where they are few; of many, the one that is chosen. Others are found by their names in the search."""

    title = "client"
    parameter_name = "client__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = list(Client.objects.order_by("name").values_list("pk", "name")[: MOST_CLIENTS + 1])
        if len(found) > MOST_CLIENTS:
            chosen = as_id(request.GET.get(self.parameter_name, ""))
            found = list(Client.objects.filter(pk=chosen).values_list("pk", "name")) if chosen else []
        return [(str(pk), name) for pk, name in found]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        chosen = as_id(self.value() or "")
        return queryset.filter(client_id=chosen) if chosen else queryset.none()
