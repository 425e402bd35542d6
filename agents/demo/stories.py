"""What happens on a busy platform, each kind of story with its share."""

import random
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from agents.demo import texts
from agents.demo.acting import PICKED_UP_AFTER, Said, Scene, Script
from agents.demo.actors import ANSWERS_AS, Actors
from agents.demo.casts import Cast, cast
from agents.demo.stage import FIND, LETTERS, REFUND, REFUNDS, Stage
from agents.engine import events as e
from agents.engine.prompts import request_text
from agents.engine.types import RunLimits, TaskInput, Turn
from agents.models import Task

Mode = Task.Mode
MODES = (Mode.SYNC, Mode.SYNC, Mode.STREAM, Mode.BACKGROUND, Mode.BACKGROUND)
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


@dataclass(frozen=True, slots=True)
class Story:
    """One task, or those of one conversation, each with the seconds that pass before it."""

    casts: tuple[tuple[float, Cast], ...]

    @property
    def is_conversation(self) -> bool:
        return self.casts[0][1].wants_conversation


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a task goes: for which agent, with which actors, and what happens to it."""

    agent: str
    actors: dict[str, Any] = field(default_factory=dict)
    script: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    noted: bool = False
    is_cached: bool = False
    is_cancelled_unrun: bool = False
    schema: dict[str, Any] | None = None
    turns: int = 0
    """Tasks of a conversation; 0 outside of any."""


LOST = {"loses_after": (3.0, 4.0, 2.0)}


def _says(decision: str, by: str = "client", text: str = "", hours: float = 0.7) -> dict[str, Any]:
    return {"people": (Said(hours * 3600, decision, by, text),)}


REFUNDING = {"tools": [FIND, REFUND]}
AGREED = Said(600, "approve", "client")


def _tells(decision: str, text: str = "") -> dict[str, Any]:
    return {"people": (AGREED, Said(5400, decision, "demodata", text)), "loses_in": REFUND}


KINDS: tuple[tuple[float, Scenario], ...] = (
    (40, Scenario("general")),
    (9, Scenario("writer", {"sentences": 14})),
    (6, Scenario("general", is_cached=True)),
    (6, Scenario("analyst", {"tools": ["calculator"]})),
    (3, Scenario("analyst", {"tools": ["current_time", "run_python"]})),
    (4, Scenario("coder", {"tools": ["run_python"]})),
    (2, Scenario("librarian", {"tools": ["knowledge_search"]})),
    (4, Scenario("research", {"parts": 3})),
    (2, Scenario("research", {"parts": 4, "sentences": 9})),
    (4, Scenario("auto", {"route": "general"})),
    (2, Scenario("auto", {"route": "analyst", "tools": ["calculator"]})),
    (2, Scenario("editor", {"sentences": 10})),
    (1, Scenario("editor", {"remarks": 1})),
    (5, Scenario("general", turns=3)),
    (1, Scenario("general", turns=5)),
    (1, Scenario("general", schema=SCHEMA, actors={"reply": '{"total": 1840}'})),
    (1, Scenario("general", {"busy": 1})),
    (1.2, Scenario("general", {"is_broken": True})),
    (0.4, Scenario("general", {"busy": 99})),
    (0.8, Scenario("analyst", {"hangs": True})),
    (0.5, Scenario("analyst", {"tools": ["calculator"] * 3, "tools_fail": True})),
    (0.2, Scenario("analyst", {"tools": ["calculator"] * 4}, limits={"max_steps": 3})),
    (0.4, Scenario("research", limits={"max_cost_usd": Decimal("0.0001")})),
    (0.4, Scenario("general", {"reply": "About two thousand."}, schema=SCHEMA)),
    (0.1, Scenario("general", {"hangs": True}, script=LOST)),
    (0.8, Scenario("writer", {"hangs": True}, script={"cancelled_after": 4.0})),
    (0.3, Scenario("general", is_cancelled_unrun=True)),
    (0.5, Scenario("general", noted=True)),
    (0.3, Scenario("general", {"rule": "exfiltration_link"})),
    (0.6, Scenario(REFUNDS, REFUNDING, script=_says("approve", "operator"))),
    (0.2, Scenario(REFUNDS, REFUNDING, script=_says("reject", "client", "Already paid back."))),
    (0.3, Scenario(LETTERS, script=_says("approve"))),
    (0.1, Scenario(LETTERS, script=_says("reject", "operator", "Wrong tone."))),
    (0.1, Scenario(LETTERS, script=_says("reject", "timeout", "Nobody answered within 86400 s.", 24))),
    (0.1, Scenario(REFUNDS, REFUNDING, script=_tells("done", '{"refunded_usd": 74.5}'))),
    (0.05, Scenario(REFUNDS, REFUNDING, script=_tells("fail"))),
)
WAITING = (
    Scenario(REFUNDS, REFUNDING),
    Scenario(LETTERS),
    Scenario(REFUNDS, REFUNDING, script={"people": (AGREED,), "loses_in": REFUND}),
)
"""What waits for a person now."""


def made(stage: Stage, scenario: Scenario, seed: str) -> Story:
    """One way in which such a task goes."""
    dice = random.Random(seed)  # noqa: S311  # no secret
    if not scenario.turns:
        return Story(((0.0, _played(stage, scenario, dice)),))
    casts: list[tuple[float, Cast]] = []
    turns: list[Turn] = []
    for number in range(scenario.turns):
        each = _played(stage, scenario, dice, e.ConversationRead(turns=tuple(turns)))
        casts.append((dice.uniform(40, 600) if number else 0.0, each))
        asked = request_text(each.asked, each.context)
        turns += [Turn(len(turns) + 1, "user", asked), Turn(len(turns) + 2, "assistant", each.said)]
    return Story(tuple(casts))


def _played(stage: Stage, scenario: Scenario, dice: random.Random, *read: e.ConversationRead) -> Cast:
    version = stage.versions[scenario.agent]
    has_people = "people" in scenario.script or scenario in WAITING
    mode = Mode.BACKGROUND if has_people or scenario.is_cancelled_unrun else dice.choice(MODES)
    scene = Scene.open(
        _opening(stage, scenario, dice, may_cache=not read and not has_people), stage.team(scenario.agent)
    )
    if scenario.noted:
        scene.note(e.GuardNoted(rule="instruction_override", score=0.62, verdict="flag"))
    if scenario.is_cancelled_unrun:
        scene.now = dice.uniform(0.5, 9)
        scene.note(e.CancelRequested(by="client"))
        scene.note(e.TaskEnded(status="cancelled", exit_reason="cancelled"))
        return cast(scene.end(), version, mode)
    if mode == Mode.BACKGROUND:
        scene.now += PICKED_UP_AFTER + dice.random()
    # What ends in the write that accepts it was never claimed.
    ends_at_once = scenario.is_cached or "max_cost_usd" in scenario.limits
    scene.begin(*read, is_claimed=not ends_at_once or mode == Mode.BACKGROUND)
    if scenario.is_cached:
        result = texts.answer(dice, 6)
        scene.note(
            e.TaskEnded(status="completed", exit_reason="completed", result=result, from_cache=True, model=ANSWERS_AS)
        )
        return cast(scene.end(), version, mode)
    made_up: dict[str, Any] = {**scenario.actors, "tools": list(scenario.actors.get("tools", ()))}
    actors = Actors(dice, **made_up)
    scene.play(Script(actors.answer, **scenario.script))
    return cast(scene, version, mode)


def _opening(stage: Stage, scenario: Scenario, dice: random.Random, *, may_cache: bool) -> e.TaskAccepted:
    version = stage.versions[scenario.agent]
    team = stage.team(scenario.agent)
    caps = RunLimits(version.max_cost_usd, version.max_output_tokens, version.max_steps, version.timeout_seconds)
    context = {"audience": dice.choice(texts.AUDIENCES)} if dice.random() < 0.2 else {}
    may_cache = may_cache and version.cache_seconds > 0
    return e.TaskAccepted(
        agent=scenario.agent,
        team={slug: spec.version_id for slug, spec in team.items()},
        input=TaskInput(texts.task(dice), context, scenario.schema),
        limits=replace(caps, **scenario.limits),
        cache_key=f"{dice.getrandbits(256):064x}" if may_cache else "",
        cache_seconds=version.cache_seconds if may_cache else 0,
        may_read_cache=may_cache,
    )
