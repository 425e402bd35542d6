"""A tool as a toolset lists it, and whether it can be offered to a model."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.engine.json_schema import schema_fault

MAX_TOOLS = 500
MAX_NAME_CHARACTERS = 200
MAX_DESCRIPTION_CHARACTERS = 8000
MAX_SCHEMA_BYTES = 32 * 1024
# Joins emoji; all other formatting is invisible, and what an operator cannot see shall not reach a model.
VISIBLE_ALL_THE_SAME = {"\u200d", "\n", "\t", "\r"}
INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One tool. `fault` says in a sentence why it cannot be offered; empty when it can."""

    remote_name: str
    description: str
    parameters: Mapping[str, Any]
    effect: str
    details: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def fingerprint(self) -> str:
        """Tells what an approval would be of from everything else."""
        return fingerprint(content(self.description, self.parameters, self.effect, self.details))


def content(description: str, parameters: Mapping[str, Any], effect: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """All that an approval is of."""
    return {"description": description, "parameters": parameters, "effect": effect, "details": details}


def fingerprint(approved: Mapping[str, Any]) -> str:
    """Tells one content from all others."""
    return hashlib.sha256(json.dumps(approved, sort_keys=True).encode()).hexdigest()[:16]


def listed(
    remote_name: str,
    description: str,
    parameters: Mapping[str, Any],
    effect: str,
    details: Mapping[str, Any] | None = None,
) -> Listed:
    """The tool, with the first fault that it has. What is too large is not kept."""
    fault = _fault(remote_name, description, parameters)
    return Listed(
        remote_name=_storable(remote_name[:MAX_NAME_CHARACTERS]),
        description=_storable(description[:MAX_DESCRIPTION_CHARACTERS]),
        parameters={} if fault else parameters,
        effect=effect,
        details=details or {},
        fault=fault,
    )


def _fault(remote_name: str, description: str, parameters: Mapping[str, Any]) -> str:
    if len(remote_name) > MAX_NAME_CHARACTERS:
        return f"Its name is longer than {MAX_NAME_CHARACTERS} characters."
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        return f"Its description is longer than {MAX_DESCRIPTION_CHARACTERS} characters."
    try:
        written = json.dumps(parameters, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return "Its schema cannot be written as JSON."
    if len(written.encode(errors="replace")) > MAX_SCHEMA_BYTES:
        return f"The schema of its arguments is larger than {MAX_SCHEMA_BYTES // 1024} KiB."
    if parameters.get("type") != "object":
        return 'The schema of its arguments is not one of an object ("type": "object").'
    if fault := schema_fault(parameters):
        return f"The schema of its arguments cannot be used: {fault[:300]}."
    if invisible := next(filter(_is_invisible, f"{remote_name}{description}{written}"), ""):
        return f"It has a character that nobody would see, U+{ord(invisible):04X}, in its name, description or schema."
    return ""


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE and character not in VISIBLE_ALL_THE_SAME


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()
