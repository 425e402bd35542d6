"""Schemas of a document as models are to read them: references resolved, only what describes a value kept, and bounded.

What is left out makes a schema looser, never stricter than the API's own.
"""

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from agents.engine.json_schema import schema_fault
from agents.http_apis.document.faults import TooLarge
from agents.http_apis.document.references import followed

MAX_PARTS = 450
MAX_DESCRIPTION_CHARACTERS = 600
MAX_PATTERNS = 10
# Each with the form of its value.
SCHEMAS_BY_NAME = ("properties",)
SCHEMAS_IN_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
ONE_SCHEMA = ("items", "additionalProperties", "not")
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
ANYTHING = ("const", "default")
INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs"}
KEPT = {"\n", "\t", "\u200d"}


class Resolver:
    """Resolves the schemas of one operation, within a budget of parts that they share."""

    def __init__(self, document: Mapping[str, Any], most_levels: int) -> None:
        self._document = document
        self._most_levels = most_levels
        self._left = MAX_PARTS
        self._patterns = 0

    def schema(self, part: Any, place: str) -> dict[str, Any]:
        """The schema at a place. Raises BadDocument, TooLarge among them."""
        return self._resolved(part, place, ())

    def _resolved(self, part: Any, place: str, above: tuple[int, ...]) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise TooLarge(place, f"its schemas have more than {MAX_PARTS} parts, once all references are resolved.")
        found = followed(self._document, part, place)
        if not isinstance(found, Mapping) or id(found) in above or len(above) >= self._most_levels:
            return {}  # true and false, a schema within itself, and what is too deep: anything goes
        above = (*above, id(found))
        schema = _of_itself(found)
        self._add_pattern(schema, found)
        for name in SCHEMAS_BY_NAME:
            if isinstance(found.get(name), Mapping):
                schema[name] = {
                    str(key): self._resolved(item, f"{place}.{name}.{key}", above)
                    for key, item in found[name].items()
                    if not self._is_read_only(item, place)
                }
        for name in SCHEMAS_IN_LIST:
            if isinstance(found.get(name), list) and found[name]:
                schema[name] = [self._resolved(item, f"{place}.{name}", above) for item in found[name]]
        for name in ONE_SCHEMA:
            if isinstance(found.get(name), Mapping):
                schema[name] = self._resolved(found[name], f"{place}.{name}", above)
        if found.get("additionalProperties") is False:
            schema["additionalProperties"] = False
        required = found.get("required")
        if isinstance(required, list):
            known = schema.get("properties", {})
            if needed := sorted({name for name in required if isinstance(name, str) and name in known}):
                schema["required"] = needed
        if schema.get("type") == "array":
            schema.setdefault("items", {})  # some providers of models insist on it
        return schema

    def _is_read_only(self, part: Any, place: str) -> bool:
        found = followed(self._document, part, place)
        return isinstance(found, Mapping) and found.get("readOnly") is True

    def _add_pattern(self, schema: dict[str, Any], found: Mapping[str, Any]) -> None:
        """Keep patterns that can be checked in linear time, and not too many."""
        pattern = found.get("pattern")
        if isinstance(pattern, str) and self._patterns < MAX_PATTERNS and schema_fault({"pattern": pattern}) is None:
            self._patterns += 1
            schema["pattern"] = pattern


def visible(text: str, most_characters: int = MAX_DESCRIPTION_CHARACTERS) -> str:
    """The text without characters that nobody sees, and no longer than that."""
    text = "".join(each for each in text if each in KEPT or unicodedata.category(each) not in INVISIBLE).strip()
    return text if len(text) <= most_characters else f"{text[: most_characters - 1]}…"


def _of_itself(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema says without others. OpenAPI 3.0's own spellings become JSON Schema's."""
    schema: dict[str, Any] = {}
    if kinds := _kinds(found):
        schema["type"] = kinds if len(kinds) > 1 else kinds[0]
    for name in ("description", "format"):
        if isinstance(found.get(name), str) and (told := visible(found[name])):
            schema[name] = told
    for name in (*LIMITS, *COUNTS):
        value = found.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if is_number and (name in LIMITS or (isinstance(value, int) and value >= 0)):
            schema[name] = value
    for name in ("Minimum", "Maximum"):
        if found.get(f"exclusive{name}") is True and name.lower() in schema:
            schema[f"exclusive{name}"] = schema.pop(name.lower())
    if found.get("uniqueItems") is True:
        schema["uniqueItems"] = True
    if isinstance(found.get("enum"), list) and found["enum"]:
        schema["enum"] = found["enum"] + ([None] if found.get("nullable") is True and None not in found["enum"] else [])
    schema.update({name: found[name] for name in ANYTHING if name in found})
    return schema


TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")


def _kinds(found: Mapping[str, Any]) -> list[str]:
    told = found.get("type")
    kinds = [kind for kind in (told if isinstance(told, list) else [told]) if kind in TYPES]
    if kinds and found.get("nullable") is True and "null" not in kinds:
        kinds.append("null")
    return list(dict.fromkeys(kinds))
