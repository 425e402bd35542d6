"""Documents as operators bring them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command

if TYPE_CHECKING:
    # pytest loads this file before Django is set up.
    from agents.knowledge.models import Collection

Shelve = Callable[..., "Collection"]


@pytest.fixture
def shelve(database: object, tmp_path: Path) -> Shelve:
    """`shelve("Handbook", {"leave.md": "# Leave"}, agents=["general"])`: a collection with these documents, read."""

    def shelve(name: str, files: dict[str, str | bytes], **fields: Any) -> "Collection":
        from agents.knowledge.models import Collection

        collection, _ = Collection.objects.update_or_create(name=name, defaults=fields)
        folder = tmp_path / name
        for file_name, content in files.items():
            path = folder / file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        call_command("importdocuments", str(folder), collection=name, stdout=io.StringIO())
        return collection

    return shelve
