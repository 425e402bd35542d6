"""Agents read from YAML: what there shall be, or all that is wrong with the file, each fault with its line."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from agents import content
from agents.cycles import told as told_cycle
from agents.cycles import way_back
from agents.exchange.notation import Document, Fault, Place, read, told
from agents.models import SLUG, AgentVersion

MAX_BYTES = 5 * 1024 * 1024
MAX_AGENTS = 500
MAX_VERSIONS = 500
STATUSES = AgentVersion.Status.values
AGENT_FIELDS = ("is_active", "versions")
VERSION_FIELDS = ("number", "status")


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """A version as the file has it. `number` and `status` are those where it was written; a file may leave them out."""

    fields: Mapping[str, Any]
    number: int | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent as the file has it; `is_active` is None where it says nothing of that."""

    slug: str
    versions: tuple[VersionEntry, ...]
    is_active: bool | None = None

    @property
    def offered(self) -> VersionEntry | None:
        """The version to be published, where that is asked for: the only one, or the one that was published."""
        if len(self.versions) == 1 and self.versions[0].status in ("", AgentVersion.Status.PUBLISHED):
            return self.versions[0]
        return next((each for each in self.versions if each.status == AgentVersion.Status.PUBLISHED), None)


@dataclass(slots=True)
class Reading:
    """What a file says, and what is wrong with it; nothing of it is to be used while there is a fault."""

    agents: list[AgentEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_agents(
    data: bytes, known: content.Known, delegates: Mapping[str, Collection[str]], code: Collection[str] = ()
) -> Reading:
    """The agents in a file. They may name what is `known`, and each other.

    `delegates` are those of the published agents, to see whether some would lead back; `code` are the agents that no file makes.
    """
    if len(data) > MAX_BYTES:
        return Reading(faults=[Fault(1, "", f"The file has {len(data):,} bytes; {MAX_BYTES:,} can be read.")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return Reading(faults=[Fault(line, "", "This is no text in UTF-8.")])
    document = read(text)
    if document.faults:
        return Reading(faults=document.faults)
    reader = _Reader(document, known, code)
    reader.read()
    if not reader.faults:
        reader.check_cycles(delegates)
    return Reading(reader.agents, sorted(reader.faults, key=lambda fault: fault.line))


class _Reader:
    """Goes through a document and gathers agents and faults."""

    def __init__(self, document: Document, known: content.Known, code: Collection[str]) -> None:
        self.document = document
        self.known = known
        self.code = code
        self.agents: list[AgentEntry] = []
        self.faults: list[Fault] = []
        self.slugs: set[str] = set()

    def read(self) -> None:
        """Read all agents."""
        root = self.document.value
        if not isinstance(root, dict) or not isinstance(root.get("agents"), dict) or not root["agents"]:
            self._fault((), "The file takes the field agents, with the agents by their slugs below it.")
            return
        self._unknown((), root, ("agents",))
        agents = root["agents"]
        if len(agents) > MAX_AGENTS:
            self._fault(("agents",), f"There are {len(agents)} agents; a file has at most {MAX_AGENTS}.")
            return
        self.slugs = {slug for slug in agents if isinstance(slug, str)}
        for slug, given in agents.items():
            place: Place = ("agents", slug)
            if not isinstance(slug, str) or not SLUG.fullmatch(slug):
                self._fault(
                    place,
                    "A slug has at most 64 lower-case letters, digits, - and _, and begins with a letter or digit.",
                )
            elif slug in self.code:
                self._fault(
                    place,
                    "This agent is code here, which is changed in its module; leave it out, or give it another slug.",
                )
            elif not isinstance(given, dict):
                self._fault(place, "It takes the agent's fields below its slug.")
            else:
                self._agent(slug, given, place)

    def check_cycles(self, delegates: Mapping[str, Collection[str]]) -> None:
        """Refuse delegates that would lead back, when all that the file offers is published."""
        offered = {agent.slug: agent.offered.fields["delegates"] for agent in self.agents if agent.offered}
        for slug in offered:
            if way := way_back(slug, {**delegates, **offered}):
                self._fault(("agents", slug, "delegates"), f"{told_cycle(way)[:1].upper()}{told_cycle(way)[1:]}.")

    def _agent(self, slug: str, given: dict[str, Any], place: Place) -> None:
        is_active = given.get("is_active")
        if "is_active" in given and not isinstance(is_active, bool):
            self._fault((*place, "is_active"), "It takes true or false.")
        if "versions" in given:
            self._unknown(place, given, AGENT_FIELDS)
            listed = given["versions"]
            if not isinstance(listed, list) or not 0 < len(listed) <= MAX_VERSIONS:
                self._fault((*place, "versions"), f"It takes a list of at most {MAX_VERSIONS} versions.")
                return
            versions = tuple(self._versions(slug, listed, (*place, "versions")))
        else:
            fields = {name: value for name, value in given.items() if name != "is_active"}
            versions = tuple(self._version(slug, fields, place))
        self.agents.append(AgentEntry(slug, versions, is_active if isinstance(is_active, bool) else None))

    def _versions(self, slug: str, listed: list[Any], place: Place) -> Iterator[VersionEntry]:
        numbers: set[int] = set()
        published = 0
        for index, given in enumerate(listed):
            here = (*place, index)
            if not isinstance(given, dict):
                self._fault(here, "It takes a version's fields.")
                continue
            number, status = given.get("number"), given.get("status", "")
            if "number" in given and (type(number) is not int or not 0 < number < 10**6 or number in numbers):
                self._fault((*here, "number"), "It takes a whole number from 1 to 999,999, each once.")
            elif isinstance(number, int):
                numbers.add(number)
            if "status" in given and status not in STATUSES:
                self._fault((*here, "status"), f"It takes {', '.join(STATUSES[:-1])} or {STATUSES[-1]}.")
            published += status == AgentVersion.Status.PUBLISHED
            if published > 1:
                self._fault((*here, "status"), "One version is published at a time.")
                published = 1
            fields = {name: value for name, value in given.items() if name not in VERSION_FIELDS}
            for version in self._version(slug, fields, here):
                yield VersionEntry(version.fields, number if isinstance(number, int) else None, str(status))

    def _version(self, slug: str, fields: dict[str, Any], place: Place) -> Iterator[VersionEntry]:
        known = content.Known(slug, self.known.tools, {*self.known.agents, *self.slugs} - {slug})
        kept, faults = content.checked({str(name): value for name, value in fields.items()}, known)
        for fault in faults:
            self._fault((*place, *_parts(fault.field)), fault.message)
        if not faults:
            yield VersionEntry(kept)

    def _unknown(self, place: Place, given: dict[Any, Any], known: tuple[str, ...]) -> None:
        for name in given:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
                self._fault((*place, name), f"There is no such field here; {hint}")

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(Fault(self.document.line_of(place), told(place), message))


def _parts(path: str) -> Place:
    return tuple(int(part) if part.isdecimal() else part for part in path.split("."))
