"""From text to the plain values of JSON, whether the document is JSON or YAML."""

import json
from typing import Any

import yaml

from agents.http_apis.document.faults import BadDocument
from agents.http_apis.document.yaml_values import value_of

MAX_DOCUMENT_BYTES = 5 * 1024 * 1024


def parsed(text: str) -> dict[str, Any]:
    """The document's top. Raises BadDocument."""
    if len(text.encode(errors="replace")) > MAX_DOCUMENT_BYTES:
        raise BadDocument("", f"The document is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB.")
    if not text.strip():
        raise BadDocument("", "The document is empty.")
    try:
        value = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    except RecursionError as error:
        raise BadDocument("", "The document is nested too deeply.") from error
    if not isinstance(value, dict):
        raise BadDocument("", "The document is no OpenAPI document: it begins with openapi: 3.1.0, or that in JSON.")
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise BadDocument(
            f"line {error.lineno}, column {error.colno}", f"The document is no JSON: {error.msg}."
        ) from error


def _refuse(name: str) -> Any:
    raise BadDocument("", f"The document has {name}, which JSON does not know.")


def _yaml(text: str) -> Any:
    try:
        return value_of(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadDocument(
            place, f"The document is neither JSON nor YAML: {error.problem or 'it cannot be read'}."
        ) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise BadDocument("", "The document is neither JSON nor YAML.") from error
