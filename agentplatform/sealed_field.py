"""A column of sealed credentials. In memory, too, its value stays sealed until somebody calls `credentials.opened`."""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models


class SealedField(models.TextField):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    """The text that `credentials.seal` made; empty when there are none. No form shows it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"blank": True, "editable": False, "default": "", **kwargs})

    @staticmethod
    def told(sealed: str) -> str:
        """What may be told of a value: whether it is set, and whether it is another than before."""
        return f"set ({hashlib.sha256(sealed.encode()).hexdigest()[:8]})" if sealed else ""


def sealed_columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every column of the platform that holds sealed credentials."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SealedField):
                yield model, field.attname
