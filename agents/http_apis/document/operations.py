"""The operations of a document, each as a tool: one schema of all its arguments, and where each of them goes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.http_apis.document.faults import BadDocument, TooLarge
from agents.http_apis.document.references import followed, mapping, text
from agents.http_apis.document.schemas import Resolver, visible
from agents.toolsets import headers
from agents.toolsets.listing import MAX_NAME_CHARACTERS, Listed, listed
from agents.toolsets.models import Effect

EFFECTS = {
    "get": Effect.PURE, "head": Effect.PURE, "put": Effect.IDEMPOTENT, "delete": Effect.IDEMPOTENT,
    "post": Effect.UNSAFE, "patch": Effect.UNSAFE,
}  # fmt: skip
PLACES = ("path", "query", "header")
# The document says nothing of these; the content types and the credentials do.
IGNORED_HEADERS = {"accept", "content-type", "authorization"}
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
JSON_LIKE = re.compile(r"application/(?:[\w.+-]+\+)?json(?:;.*)?|\*/\*|application/\*", re.IGNORECASE)
STYLES = {
    "path": ("simple",),
    "header": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
}
IN_PATH = re.compile(r"\{([^{}/]+)\}")
PLAIN_PATH = re.compile(r"/[^?#\s\\]*")
MAX_DESCRIPTION_CHARACTERS = 1500
# Where an operation's schemas are too large, ever fewer levels of them are told.
LEVELS = (12, 6, 4, 3, 2, 1)
MAX_PARAMETERS = 60


def operations(document: Mapping[str, Any]) -> Iterator[Listed]:
    """Every operation that can be one; those that cannot be served say why. Raises BadDocument for paths that are none."""
    taken: set[str] = set()
    for path, item in mapping(document.get("paths"), "paths").items():
        place = f"paths.{path}"
        found = followed(document, item, place)
        for method, operation in mapping(found, place).items():
            if method in EFFECTS:
                yield _operation(document, path, method, found, mapping(operation, f"{place}.{method}"), taken)


def _operation(
    document: Mapping[str, Any],
    path: str,
    method: str,
    item: Mapping[str, Any],
    operation: Mapping[str, Any],
    taken: set[str],
) -> Listed:
    name = _name(operation, method, path, taken)
    told = (
        "\n".join(filter(None, (text(operation, "summary"), text(operation, "description"))))
        or f"{method.upper()} {path}"
    )
    description = visible(told, MAX_DESCRIPTION_CHARACTERS)
    fault = ""
    for levels in LEVELS:
        try:
            parameters, details = _request(document, path, method, item, operation, levels)
        except TooLarge as error:
            fault = str(error)
            continue
        except BadDocument as error:
            return _unfit(name, description, method, str(error))
        found = listed(name, description, parameters, EFFECTS[method], details)
        if not found.fault:
            return found
        fault = found.fault
    return _unfit(name, description, method, fault)


def _unfit(name: str, description: str, method: str, fault: str) -> Listed:
    return Listed(remote_name=name, description=description, parameters={}, effect=EFFECTS[method], fault=fault)


def _name(operation: Mapping[str, Any], method: str, path: str, taken: set[str]) -> str:
    """The operationId, or what the method and the path make; each once."""
    plain = visible(text(operation, "operationId")) or f"{method} {path.strip('/')}".strip()
    name, number = plain[: MAX_NAME_CHARACTERS - 8], 1
    while name in taken:
        number += 1
        name = f"{plain[: MAX_NAME_CHARACTERS - 8]} {number}"
    taken.add(name)
    return name


def _request(
    document: Mapping[str, Any],
    path: str,
    method: str,
    item: Mapping[str, Any],
    operation: Mapping[str, Any],
    levels: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of all arguments, and how they make a request."""
    place = f"paths.{path}.{method}"
    if not PLAIN_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise BadDocument(f"paths.{path}", "a path begins with / and has no query, fragment, space or dot segment.")
    resolver = Resolver(document, levels)
    properties: dict[str, Any] = {}
    required: list[str] = []
    sent: list[dict[str, Any]] = []
    for parameter, where in _parameters(document, item, operation, place):
        told, how, is_required = _parameter(resolver, document, parameter, where)
        how["argument"] = _free(how["name"], how["in"], properties)
        properties[how["argument"]] = told
        required += [how["argument"]] if is_required else []
        sent.append(how)
    missing = set(IN_PATH.findall(path)) - {how["name"] for how in sent if how["in"] == "path"}
    if missing:
        raise BadDocument(place, f"the path has {{{min(missing)}}}, which no path parameter explains.")
    details: dict[str, Any] = {"method": method.upper(), "path": path, "parameters": sent}
    if body := _body(resolver, document, operation, f"{place}.requestBody"):
        schema, content_type, is_required = body
        argument = _free("body", "request", properties)
        properties[argument] = schema
        required += [argument] if is_required else []
        details["body"] = {"argument": argument, "content_type": content_type}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return (schema | {"required": sorted(required)} if required else schema), details


def _parameters(
    document: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any], place: str
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The parameters that are sent: the operation's own come before its path's of the same name."""
    found: dict[tuple[str, str], tuple[Mapping[str, Any], str]] = {}
    for part, where in ((item, place.rpartition(".")[0]), (operation, place)):
        given = part.get("parameters", [])
        if not isinstance(given, list):
            raise BadDocument(f"{where}.parameters", "a list of parameters is needed here.")
        for number, entry in enumerate(given):
            here = f"{where}.parameters[{number}]"
            parameter = mapping(followed(document, entry, here), here)
            found[text(parameter, "in"), text(parameter, "name")] = (parameter, here)
    if len(found) > MAX_PARAMETERS:
        raise BadDocument(place, f"it has {len(found)} parameters; at most {MAX_PARAMETERS} are served.")
    for (kind, name), (parameter, here) in found.items():
        if not name:
            raise BadDocument(here, "a parameter needs a name.")
        if kind == "header" and name.lower() in IGNORED_HEADERS:
            continue
        if kind in PLACES:
            yield parameter, here
        elif kind != "cookie":
            raise BadDocument(here, f"`in` takes path, query, header or cookie, not {kind[:32]!r}.")
        elif parameter.get("required") is True:
            raise BadDocument(here, "it needs a cookie, and none are sent.")


def _parameter(
    resolver: Resolver, document: Mapping[str, Any], parameter: Mapping[str, Any], place: str
) -> tuple[dict[str, Any], dict[str, Any], bool]:
    kind, name = text(parameter, "in"), text(parameter, "name")
    if visible(name) != name or (kind == "header" and headers.fault(name, "x")):
        raise BadDocument(place, f"{name[:64]!r} is no name that can be sent.")
    content = parameter.get("content")
    how: dict[str, Any] = {"name": name, "in": kind}
    if isinstance(content, Mapping) and content:
        media = mapping(followed(document, next(iter(content.values())), place), place)
        schema, how["is_json"] = resolver.schema(media.get("schema", {}), f"{place}.content"), True
    else:
        schema = resolver.schema(parameter.get("schema", {}), f"{place}.schema")
        style = text(parameter, "style") or STYLES[kind][0]
        if style not in STYLES[kind]:
            raise BadDocument(place, f"the style {style[:32]!r} is not served for a {kind} parameter.")
        explode = parameter.get("explode")
        how |= {"style": style, "explode": explode if isinstance(explode, bool) else style == "form"}
    if told := visible(text(parameter, "description")):
        schema["description"] = told
    return schema, how, kind == "path" or parameter.get("required") is True


def _free(name: str, kind: str, taken: Mapping[str, Any]) -> str:
    """A name for the argument: its own, or with its place where two have one name."""
    free = name
    while free in taken:
        free = f"{free}_{kind}"
    return free


def _body(
    resolver: Resolver, document: Mapping[str, Any], operation: Mapping[str, Any], place: str
) -> tuple[dict[str, Any], str, bool] | None:
    if "requestBody" not in operation:
        return None
    body = mapping(followed(document, operation["requestBody"], place), place)
    content = mapping(body.get("content", {}), f"{place}.content")
    is_required = body.get("required") is True
    like_json = next((kind for kind in content if JSON_LIKE.fullmatch(str(kind))), None)
    chosen = like_json or (FORM if FORM in content else None)
    if chosen is None:
        if is_required:
            kinds = ", ".join(map(str, content))[:100] or "none"
            raise BadDocument(place, f"a body can be sent as JSON or as a form, and this takes {kinds}.")
        return None
    media = mapping(followed(document, content[chosen], place), place)
    schema = resolver.schema(media.get("schema", {}), f"{place}.content.{chosen}.schema")
    if told := visible(text(body, "description")):
        schema.setdefault("description", told)
    return schema, JSON if "*" in chosen else chosen, is_required
