"""YAML as far as it is JSON, built from the parser's events: no recursion, no tags that make objects, no aliases.

The package's own loaders recurse in C, where a document that is nested deeply enough ends the process; and by aliases a few
lines can stand for gigabytes.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

from agents.http_apis.document.faults import BadDocument

MAX_DEPTH = 200
# YAML 1.2's: a date stays text, and yes, no and on are words.
PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,18}"), int),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?"), float),
)
TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def value_of(text: str) -> Any:
    """The value of the first document. Raises BadDocument, and yaml.YAMLError for what is no YAML."""
    top: list[Any] = []
    open_ones: list[Any] = [top]
    keys: list[str | None] = [None]
    documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        place = f"line {event.start_mark.line + 1}" if event.start_mark else ""
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BadDocument(place, "a second document begins here; one is read.")
        elif isinstance(event, yaml.AliasEvent):
            raise BadDocument(place, "YAML's aliases (*name) are not read; write it out, or use $ref.")
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            _check_tag(event.tag, place)
            opened: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            _put(open_ones[-1], keys, opened, place)
            open_ones.append(opened)
            keys.append(None)
            if len(open_ones) > MAX_DEPTH:
                raise BadDocument(place, "The document is nested too deeply.")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            open_ones.pop()
            keys.pop()
        elif isinstance(event, yaml.ScalarEvent):
            _check_tag(event.tag, place)
            is_key = isinstance(open_ones[-1], dict) and keys[-1] is None
            if is_key:
                keys[-1] = event.value
            else:
                _put(open_ones[-1], keys, _scalar(event), place)
    return top[0] if top else None


def _put(into: Any, keys: list[str | None], value: Any, place: str) -> None:
    if isinstance(into, list):
        into.append(value)
    elif keys[-1] is None:
        raise BadDocument(place, "a key that is no text cannot be read.")
    else:
        into[keys[-1]] = value
        keys[-1] = None


def _check_tag(tag: str | None, place: str) -> None:
    if tag not in (None, "!") and tag not in TAGS:
        raise BadDocument(place, f"YAML's tag {tag[:64]!r} is not read; leave it out.")


def _scalar(event: Any) -> Any:
    """A plain scalar by its form; one in quotes is text, whatever it looks like."""
    if event.implicit[0] and not event.style:
        for pattern, read in PLAIN:
            if pattern.fullmatch(event.value):
                return read(event.value)
    return event.value
