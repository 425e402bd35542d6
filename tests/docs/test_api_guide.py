"""docs/api-guide.md: every snippet is run as it stands, and printed what the page shows."""

import json
from pathlib import Path

import httpx
import pytest
from redis import Redis

from agents import publishing, teams
from agents.models import Agent
from agents.publishing import published as published_version
from tests.agents.making import ACTOR, published
from tests.answers import text
from tests.api import Api
from tests.docs import answering, session
from tests.docs.markdown import blocks, read
from tests.scripted_model import ScriptedModel

PAGE = "docs/api-guide.md"
ANSWERS = {
    "what an API is": "An API is a set of rules by which one program asks another to do something and gets an answer back.",
    "Welcome the reader": "Welcome! Your first evening ride starts with a light you can trust.",
    "World Wide Web": json.dumps({"year": 1989, "place": "Geneva"}),
    "message queue": "A message queue keeps messages until a program is ready to take them, so that neither side waits.",
    "haiku about rain": "Rain taps on the roof,\na slow drum for drowsy thoughts.\nThe garden drinks deep.",
    "haiku about snow": "Snow on the still pond,\nno footprint has crossed it yet.\nThe reeds hold their breath.",
    "primary colour": "Blue.",
    "the picnic": "The picnic is on Sunday, by the lake.",
    "hello": "Hello!",
}
PICNIC = {"task": "Announce the picnic.", "agent_type": "writer"}
REVISED = "Bells ring the valley awake."
IN_TURN = {
    "Review the text below": [
        json.dumps({"approved": False, "remarks": "Name a place."}),
        json.dumps({"approved": True, "remarks": ""}),
    ],
    "reviewer's remarks": [REVISED],
    "about bells": ["Bells ring."],
}


def asked_before(trial: str) -> None:
    """Somebody asked a version of the writer whose result a person has to agree to; now it is as it is shipped."""
    shipped = published_version(Agent.objects.get(slug="writer"))
    published("writer", approval="result")
    asked = httpx.post(f"{trial}/agent/execute", json=PICNIC, headers={"Authorization": "Bearer demo-key-123"})
    assert asked.json()["status"] == "awaiting_approval"
    assert shipped is not None
    publishing.publish(shipped, actor=ACTOR)
    teams.forget()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", ["bash", "python", "javascript"])
def test_every_snippet_runs_and_prints_what_is_shown(
    trial: str, model: ScriptedModel, redis_server: Redis, language: str, tmp_path: Path
) -> None:
    for pattern, answer in ANSWERS.items():
        model.when(pattern, text(answer, chunks=answer.splitlines(keepends=True)))
    for pattern, answers in IN_TURN.items():
        model.when(pattern, *answers)
    model.holds()
    asked_before(trial)
    redis_server.flushdb()  # a while ago: the page's own tasks are as many as the trial's limit allows

    ran = session.run(blocks(PAGE, language), url=trial, folder=tmp_path)

    answering.compare(PAGE, ran, url=trial)


def test_every_operation_is_shown(api: Api) -> None:
    guide = read(PAGE)
    missing = [path for path in api.get("/openapi.json").json()["paths"] if path.split("{")[0] not in guide]
    assert missing == []
