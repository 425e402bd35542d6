"""The YAML that we write and read: YAML 1.2's plain values, so that `no` and `12:30` are text; and no tags, anchors or aliases.

What we write is quoted wherever YAML 1.1 would read it as anything but text, so other tools read the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

PLAIN = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+"),
    "float": re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
}
TAG = "tag:yaml.org,2002:"
# Outside of double quotes, each of these comes back as another line break than it was, or not at all.
UNSURE = re.compile("[\r\x85\u2028\u2029\ufeff]")
MAX_DEPTH = 100
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong on a line, counted from 1, and where that is in words."""

    line: int
    where: str
    message: str


@dataclass(slots=True)
class Document:
    """A value read from YAML, the line on which each part of it stands, and what is wrong with the notation."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, place: Place) -> int:
        """The line of a part, or of the nearest part around it that is there."""
        return next(
            (self.lines[place[:length]] for length in range(len(place), -1, -1) if place[:length] in self.lines), 1
        )


class _Dumper(yaml.SafeDumper):
    """Lists stand below their names, texts of several lines in block form."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        """Indent lists as everything else."""
        return super().increase_indent(flow, False)

    def analyze_scalar(self, scalar: str) -> Any:
        """In block form also what has lines that end in spaces; in double quotes what no other form brings back."""
        analysis = super().analyze_scalar(scalar)
        if UNSURE.search(scalar):
            analysis.allow_flow_plain = analysis.allow_block_plain = False
            analysis.allow_single_quoted = analysis.allow_block = False
        elif analysis.multiline and not scalar.startswith((" ", "\n", "\t")):
            analysis.allow_block = all(character in "\n\t\xa0" or character.isprintable() for character in scalar)
        return analysis

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal parts out each time."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(f"{TAG}str", text, style="|" if "\n" in text else None)


def _decimal(dumper: yaml.SafeDumper, amount: Decimal) -> yaml.ScalarNode:
    text = format(amount, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return dumper.represent_scalar(f"{TAG}{'float' if '.' in text else 'int'}", text)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    is_short = not any(isinstance(item, list | dict) for item in items)
    return dumper.represent_sequence(f"{TAG}seq", items, flow_style=is_short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, _decimal)
_Dumper.add_representer(list, _list)
for _kind, _pattern in PLAIN.items():
    if _kind != "null":
        _Dumper.add_implicit_resolver(f"{TAG}{_kind}", re.compile(f"^(?:{_pattern.pattern})$"), None)


def write(value: Any) -> str:
    """The value as YAML: the same value always as the same text."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)
    return text


def read(text: str) -> Document:
    """The document's value, as far as it can be read."""
    reader = _Reader(yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        reader.read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        reader.note(mark.line + 1 if mark else 1, (), f"This is no YAML: {problem}.")
    except _TooDeep as place:
        reader.note(place.line, (), f"It is nested deeper than {MAX_DEPTH} levels.")
    return reader.document


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class _Reader:
    """Makes a value of YAML's events, one by one: the package's own way from them to values has no bound on the depth."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.document = Document()

    def read(self) -> None:
        """Read the one document, if there is one."""
        has_read = False
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if has_read:
                    self.note(_line(event), (), "A file is one document; this begins another.")
                    return
                self.document.value, has_read = self._value(next(self.events), ()), True

    def note(self, line: int, place: Place, message: str) -> None:
        """Keep a fault."""
        self.document.faults.append(Fault(line, told(place), message))

    def _value(self, event: Any, place: Place) -> Any:
        line = _line(event)
        self.document.lines.setdefault(place, line)
        if len(place) > MAX_DEPTH:
            raise _TooDeep(line)
        if event.anchor is not None:
            self.note(line, place, "Anchors and aliases (& and *) are not read; write it out.")
        if isinstance(event, yaml.AliasEvent):
            return None
        if event.tag is not None:
            self.note(line, place, f"Tags such as {event.tag} are not read.")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self._items(place))
        return dict(self._pairs(place))

    def _items(self, place: Place) -> Iterator[Any]:
        for index, event in enumerate(self.events):
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._value(event, (*place, index))

    def _pairs(self, place: Place) -> Iterator[tuple[Any, Any]]:
        found: set[Any] = set()
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                return
            line = _line(event)
            name = self._value(event, (*place, "?"))
            here = (*place, name if isinstance(name, str | int) else str(name))
            self.document.lines[here] = line
            if not isinstance(event, yaml.ScalarEvent):
                self.note(line, place, "Names are text.")
            elif name in found:
                self.note(line, here, "It is there twice; keep one.")
            value = self._value(next(self.events), here)
            if isinstance(event, yaml.ScalarEvent):
                found.add(name)
                yield name, value


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(event: Any) -> Any:
    """What the text means: outside of quotes it may be a number, a truth value, or nothing."""
    text = event.value
    if event.style or not event.implicit[0]:
        return text
    kind = next((kind for kind, pattern in PLAIN.items() if pattern.fullmatch(text)), "str")
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if len(text) <= 100:
            return int(text)
        case "float":
            return float(text)
    return text


def told(place: Place) -> str:
    """A place in words: `agents.poet.tools[0]`."""
    words = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return "".join(words).removeprefix(".")
