"""A whole document: what it says of itself, where the API is, and its operations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from agents.http_apis.document.faults import BadDocument
from agents.http_apis.document.operations import operations
from agents.http_apis.document.parsing import MAX_DOCUMENT_BYTES, parsed
from agents.http_apis.document.references import followed, mapping, text
from agents.http_apis.document.schemas import visible
from agents.toolsets.listing import MAX_TOOLS, Listed

__all__ = ["MAX_DOCUMENT_BYTES", "Document", "read"]

VERSION = re.compile(r"3\.[01](\.\d+)?")
IN_URL = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a document says. `server` is the first of its servers, as it is written there; `asks_for`: its security schemes."""

    title: str
    server: str
    asks_for: str
    operations: tuple[Listed, ...]

    def base_url(self, document_url: str = "") -> str:
        """Where the API is; empty when the document does not say it. A relative place is one beside the document."""
        url = urljoin(document_url, self.server) if document_url else self.server
        return url.rstrip("/") if url.startswith(("http://", "https://")) else ""


def read(given: str) -> Document:
    """Read an OpenAPI document, 3.0 or 3.1, in JSON or YAML. Raises BadDocument."""
    document = parsed(given)
    version = document.get("openapi")
    if "swagger" in document:
        raise BadDocument("swagger", "Swagger 2.0 is not read; have the document converted to OpenAPI 3.")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise BadDocument("openapi", f"3.0 and 3.1 are read, such as 3.1.0; this says {str(version)[:32]!r}.")
    found = tuple(operations(document))
    if not found:
        raise BadDocument("paths", "there is no operation.")
    if len(found) > MAX_TOOLS:
        raise BadDocument(
            "paths", f"there are {len(found)} operations; at most {MAX_TOOLS} are read. Take out what you need."
        )
    info = document.get("info")
    title = visible(text(info, "title"), 200) if isinstance(info, Mapping) else ""
    return Document(title=title, server=_server(document), asks_for=_asks_for(document), operations=found)


def _server(document: Mapping[str, Any]) -> str:
    servers = document.get("servers", [])
    if not isinstance(servers, list):
        raise BadDocument("servers", "a list of servers is needed here.")
    if not servers:
        return ""
    first = mapping(servers[0], "servers[0]")
    variables = first.get("variables")
    known = variables if isinstance(variables, Mapping) else {}

    def default(match: re.Match[str]) -> str:
        variable = known.get(match[1])
        return text(variable, "default") if isinstance(variable, Mapping) else match[0]

    return IN_URL.sub(default, text(first, "url")).strip()


def _asks_for(document: Mapping[str, Any]) -> str:
    """The document's security schemes in words, for the operator who enters credentials."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    if not isinstance(schemes, Mapping):
        return ""
    told = []
    for name, scheme in list(schemes.items())[:10]:
        found = followed(document, scheme, f"components.securitySchemes.{name}")
        if isinstance(found, Mapping):
            words = [text(found, part) for part in ("type", "scheme", "in", "name")]
            told.append(visible(" ".join(filter(None, words)), 80))
    return "; ".join(filter(None, told))
