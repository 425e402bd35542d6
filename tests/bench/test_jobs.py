"""The small jobs of bench/tasks, done with a scripted model: what tools, documents and other agents give is real."""

from typing import Any

import pytest
from django.core.management import call_command

from agents.knowledge.models import Collection
from bench.tasks.checks import CHECKS, Outcome, faults
from bench.tasks.jobs import AGENTS, COLLECTION, DOCUMENTS, READERS, do, load
from tests.answers import Answer, tool_call, tool_calls
from tests.api import Persona
from tests.scripted_model import ScriptedModel

JOBS = list(load())
KINDS = list(dict.fromkeys(job.kind for job in JOBS))


@pytest.fixture
def company(database: object) -> None:
    """The agents and documents that the jobs are about."""
    call_command("importagents", str(AGENTS), "--publish", verbosity=0)
    call_command("importdocuments", str(DOCUMENTS), "--collection", COLLECTION, "--create", verbosity=0)
    Collection.objects.filter(name=COLLECTION).update(agents=READERS)


def answers(script: Any) -> list[str | Answer]:
    return [
        each if isinstance(each, str) else tool_calls(*map(_call, each.get("calls") or [each["call"]]))
        for each in script
    ]


def _call(call: dict[str, dict[str, Any]]) -> Answer:
    [(name, arguments)] = call.items()
    return tool_call(name, **arguments)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", KINDS)
def test_they_are_done(
    kind: str, company: None, newcomer: Any, model: ScriptedModel, subtests: pytest.Subtests
) -> None:
    client: Persona = newcomer(tier="unlimited")
    for job in (each for each in JOBS if each.kind == kind):
        with subtests.test(job.id):
            model.reset()
            model.answers(*answers(job.script))
            for pattern, script in job.when.items():
                model.when(pattern, *answers(script))
            done = do(job, client)
            assert done.faults == [], done.outcome.text


def test_there_are_enough_of_every_kind() -> None:
    assert len({job.id for job in JOBS}) == len(JOBS) >= 40
    assert {"arithmetic", "lookup", "multi-hop", "delegation", "schema", "refusal"} <= set(KINDS)


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ({"number": 42}, "should say 42"),
        ({"contains": "Heron"}, "should contain Heron"),
        ({"any_of": ["a b c", "Heron"]}, "one of"),
        ({"lacks": "41"}, "should not contain 41"),
        ({"matches": "^no"}, "should match"),
        ({"json": {"total": 42}}, "its JSON should have"),
        ({"status": "failed"}, "should end as failed"),
        ({"code": "rate_limited"}, "refused with rate_limited"),
        ({"error": "timed_out"}, "fail with timed_out"),
        ({"tools": "calculator"}, "should call calculator"),
        ({"agents": "analyst"}, "analyst should work on it"),
    ],
)
def test_a_wrong_outcome_is_told(check: dict[str, Any], fault: str) -> None:
    outcome = Outcome(200, {"status": "completed", "exit_reason": "completed", "result": "It is 41."}, [])
    [told] = faults(check, outcome)
    assert fault in told
    assert check.keys() <= CHECKS.keys()


@pytest.mark.parametrize(
    ("check", "result"),
    [
        ({"number": 2920.08}, "They cost 2,920.08 euros."),
        ({"number": 33.1}, "231.70 / 7 = 33.10"),
        ({"contains": ["1180", "Pump"]}, "It was 1,180 euros for the pump."),
        ({"json": {"customer": "ada quist"}}, {"customer": "Ada Quist", "total": 1}),
    ],
)
def test_style_does_not_matter(check: dict[str, Any], result: Any) -> None:
    assert faults(check, Outcome(200, {"status": "completed", "result": result}, [])) == []
