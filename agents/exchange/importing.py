"""Bringing agents from a file into the platform: all of it or nothing, and only what is not there already."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from accounts import audit
from accounts.audit import Actor
from agents import content, publishing
from agents.evals import gate
from agents.exchange.notation import Fault
from agents.exchange.reading import AgentEntry, VersionEntry, read_agents
from agents.models import Agent, AgentVersion

Status = AgentVersion.Status


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did, or would do, a line for each agent; and what operators should know of the versions it is about.

    With `faults`, nothing was done.
    """

    lines: Sequence[str] = ()
    warnings: Sequence[str] = ()
    faults: Sequence[Fault] = ()

    def told(self, name: str, most: int) -> list[str]:
        """The faults of the file of this name, as lines; of very many, so many."""
        lines = [
            f"{name}:{fault.line}: {fault.where}{': ' if fault.where else ''}{fault.message}" for fault in self.faults
        ]
        return lines if len(lines) <= most else [*lines[:most], f"… and {len(lines) - most} more."]


def bring_in(data: bytes, *, publish: bool = False, dry_run: bool = False, actor: Actor) -> Outcome:
    """Make the agents of a file.

    A version whose content the agent has already, in whatever status, is not made again. New ones become drafts; `publish`
    publishes of each agent the version that the file offers. With `dry_run` all of it is undone in the end.
    """
    with transaction.atomic():
        # As in every publication: who comes second sees what the first did.
        list(Agent.objects.select_for_update().order_by("pk").values_list("pk"))
        delegates, code = publishing.published_delegates(), publishing.code_slugs()
        reading = read_agents(data, publishing.known_to(), delegates, code)
        if reading.faults:
            return Outcome(faults=reading.faults)
        # All agents first, as their versions name each other.
        arrivals = [_Arrival.of(entry, actor) for entry in reading.agents]
        for arrival in arrivals:
            arrival.bring(publish=publish)
        warnings = [
            f"{version}: {told}" for each in arrivals for version in each.made for told in publishing.warnings(version)
        ]
        transaction.set_rollback(dry_run)
    return Outcome([each.told for each in arrivals], warnings)


@dataclass(slots=True)
class _Arrival:
    """One agent of the file on its way in."""

    entry: AgentEntry
    agent: Agent
    is_new: bool
    actor: Actor
    done: list[str] = field(default_factory=list)
    made: list[AgentVersion] = field(default_factory=list)

    @classmethod
    def of(cls, entry: AgentEntry, actor: Actor) -> "_Arrival":
        """The agent itself, which is made where it is missing."""
        agent, is_new = Agent.objects.get_or_create(slug=entry.slug)
        arrival = cls(entry, agent, is_new, actor)
        if is_new:
            arrival.done.append("a new agent")
            audit.record(actor, "created", agent)
        if entry.is_active not in (None, agent.is_active):
            before = audit.snapshot(agent)
            agent.is_active = bool(entry.is_active)
            agent.save(update_fields=["is_active"])
            audit.record(actor, "changed", agent, before=before)
            arrival.done.append("switched on" if agent.is_active else "switched off")
        return arrival

    @property
    def told(self) -> str:
        """What was done, in a line."""
        return f"{self.entry.slug}: {'; '.join(self.done) or 'unchanged'}."

    def bring(self, *, publish: bool) -> None:
        """Its versions; and the publication of the one that the file offers."""
        there = (
            []
            if self.is_new
            else sorted(self.agent.versions.all(), key=lambda each: (each.status != Status.PUBLISHED, -each.number))
        )
        brought = {id(each): self._version(each, there) for each in self.entry.versions}
        offered = self.entry.offered
        if publish and offered and (version := brought[id(offered)]).status != Status.PUBLISHED:
            if closed := [] if version.published_at else gate.why_closed(version):
                self.done.append(f"v{version.number} is not published: {' '.join(closed)}")
                return
            before = publishing.publish_checked(version, actor=self.actor)
            self.made = [version]
            self.done.append(f"v{version.number} is published{f' in place of v{before.number}' if before else ''}")

    def _version(self, entry: VersionEntry, there: Sequence[AgentVersion]) -> AgentVersion:
        """The version with this content, which is made where there is none."""
        if same := next((version for version in there if content.of(version) == entry.fields), None):
            if entry is self.entry.offered and same.status != Status.PUBLISHED:
                self.done.append(f"v{same.number} has this content already ({same.status})")
            return same
        base = publishing.published(self.agent) or self.agent.versions.order_by("-number").first()
        status = Status.RETIRED if entry.status == Status.RETIRED else Status.DRAFT
        number = entry.number if self.is_new else None
        version = publishing.new_draft(self.agent, entry.fields, actor=self.actor, number=number, status=status)
        self.made.append(version)
        differing = [name for name in content.FIELDS if base and getattr(base, name) != entry.fields[name]]
        compared = f" (other than v{base.number} in {', '.join(differing)})" if base and differing else ""
        self.done.append(
            f"v{version.number} is new, as a {'draft' if status == Status.DRAFT else 'retired one'}{compared}"
        )
        return version
