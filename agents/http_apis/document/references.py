"""Following `$ref` within one document."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from agents.http_apis.document.faults import BadDocument

MAX_HOPS = 20


def followed(document: Mapping[str, Any], part: Any, place: str) -> Any:
    """The part itself, or what its `$ref` leads to in the end. Raises BadDocument."""
    for _ in range(MAX_HOPS):
        if not isinstance(part, Mapping) or not isinstance(part.get("$ref"), str):
            return part
        part = _at(document, part["$ref"], place)
    raise BadDocument(place, "its $ref leads in a circle.")


def _at(document: Mapping[str, Any], reference: str, place: str) -> Any:
    if not reference.startswith("#/"):
        raise BadDocument(
            place, f"$ref {reference[:100]!r} leads out of the document, which is not followed; put it into components."
        )
    found: Any = document
    for step in reference[2:].split("/"):
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            raise BadDocument(place, f"$ref {reference[:100]!r} leads nowhere.")
    return found


def mapping(value: Any, place: str) -> Mapping[str, Any]:
    """The value, which has to be an object. Raises BadDocument."""
    if not isinstance(value, Mapping):
        raise BadDocument(place, "an object is needed here.")
    return value


def text(part: Mapping[str, Any], name: str) -> str:
    """A text of the part, or none."""
    value = part.get(name)
    return value if isinstance(value, str) else ""
