"""JSON Schema (draft 2020-12), kept harmless: clients write the schemas, and both sides of a check run on the event loop.

No reference leaves its schema, patterns run in linear time (Rust's engine, by way of pydantic), and the work of one check is
bounded: a few references to each other are enough to ask for 2^30 steps.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MAX_STEPS = 20_000
MAX_SUBSCHEMAS = 500
MAX_DEPTH = 32
MAX_PATTERNS = 10
MAX_PATTERN_CHARACTERS = 200
AT_THE_TOP = {"$schema", "$id"}

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]


class _TooMuchWork(Exception):
    """A check has taken all the steps it may."""


def schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Why this cannot be used as a JSON Schema (draft 2020-12), or None when it can."""
    try:
        schema = _plain(schema)
        parts = _parts(schema)
        Draft202012Validator.check_schema(schema)
        _check_keywords(schema, parts)
    except SchemaError as error:
        return error.message
    return None


def value_fault(value: object, schema: Mapping[str, Any]) -> str | None:
    """Where and why a value does not satisfy a schema, or None when it does."""
    try:
        fault = best_match(_validator(schema).iter_errors(value))
    except (_TooMuchWork, RecursionError):
        return "Checking this value against the schema takes too much work."
    except Exception:  # noqa: BLE001 - a reference makes a schema of a part that the metaschema has not seen
        return "The schema cannot be applied to this value."
    return f"{fault.json_path}: {fault.message[:500]}" if fault else None


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without its own address and dialect, which would change what its references mean, and who checks them."""
    return {name: value for name, value in schema.items() if name not in AT_THE_TOP}


def _parts(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All objects in a schema, itself the first. Raises SchemaError when they are too many, or nested too deeply."""
    parts: list[Mapping[str, Any]] = []
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise SchemaError(f"It is nested deeper than {MAX_DEPTH} levels")
        if isinstance(part, Mapping):
            parts.append(part)
            waiting.extend((item, depth + 1) for item in part.values())
        elif isinstance(part, list):
            waiting.extend((item, depth + 1) for item in part)
    if len(parts) > MAX_SUBSCHEMAS:
        raise SchemaError(f"It has more than {MAX_SUBSCHEMAS} parts")
    return parts


def _check_keywords(schema: Mapping[str, Any], parts: list[Mapping[str, Any]]) -> None:
    """Refuse what the metaschema lets pass and we do not serve. Raises SchemaError.

    Whatever stands under a keyword's name counts as that keyword: a reference can make a schema of any part.
    """
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for part in parts:
        if "patternProperties" in part:
            raise SchemaError("patternProperties is not served; use properties or additionalProperties")
        if misplaced := AT_THE_TOP & part.keys():
            raise SchemaError(f"{misplaced.pop()} can stand at the top alone")
        for keyword in ("$ref", "$dynamicRef"):
            reference = part.get(keyword)
            if isinstance(reference, str) and not _leads_inside(reference, resolver):
                raise SchemaError(f"{reference!r} is not a place in this schema, such as '#/$defs/name'")
    patterns = {part["pattern"] for part in parts if isinstance(part.get("pattern"), str)}
    if len(patterns) > MAX_PATTERNS:
        raise SchemaError(f"It has more than {MAX_PATTERNS} patterns")
    for pattern in patterns:
        _compiled(pattern)


def _leads_inside(reference: str, resolver: Any) -> bool:
    try:
        return reference.startswith("#") and isinstance(resolver.lookup(reference).contents, Mapping | bool)
    except (Unresolvable, ValueError, LookupError, TypeError):
        return False


@lru_cache(maxsize=16)
def _compiled(pattern: str) -> SchemaValidator:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise SchemaError(f"A pattern is longer than {MAX_PATTERN_CHARACTERS} characters")
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True))
    except PatternError as error:
        raise SchemaError(
            f"{pattern!r} is no pattern of the RE2 kind (without look-around and back-references)"
        ) from error


def _matches(_validator: Any, pattern: str, instance: object, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).isinstance_python(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _steps(name: str, value: Any, instance: object) -> int:
    """How much a keyword compares: most look at one thing."""
    if name == "enum":
        return len(value)
    return len(instance) ** 2 if name == "uniqueItems" and isinstance(instance, list) else 1


def _validator(schema: Mapping[str, Any]) -> Any:
    """A validator for one check."""
    left = MAX_STEPS

    def counted(name: str, keyword: Keyword) -> Keyword:
        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
            nonlocal left
            left -= _steps(name, value, instance)
            if left < 0:
                raise _TooMuchWork
            return keyword(validator, value, instance, schema)

        return check

    keywords: dict[str, Keyword] = {**Draft202012Validator.VALIDATORS, "pattern": _matches}
    bounded = extend(  # type: ignore[no-untyped-call]  # its stub gives it no types
        Draft202012Validator, {name: counted(name, keyword) for name, keyword in keywords.items()}
    )
    return bounded(_plain(schema), registry=Registry())
