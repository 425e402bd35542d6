"""A writer and its critic."""

import json

import pytest

from agents.engine import events as e
from agents.engine.output import objections
from agents.engine.strategies import MAX_REVIEWS
from agents.engine.tree import MAX_CHILDREN
from tests.agents.engine.outside import Story, accepted, agent, ask, call, failed, scripted, story, team, through_json

EDITOR = agent("editor", strategy="review", delegates=("critic",))
TEAM = team(EDITOR, agent("critic"), agent("lead", delegates=("editor",)))
FINE = json.dumps({"approved": True, "remarks": ""})
SHORTER = json.dumps({"approved": False, "remarks": "Shorter, please."})
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_what_a_critic_approves_is_the_answer() -> None:
    told = story(accepted("editor", TEAM, "Write.", context={"to": "Ada"}), TEAM, "A text.", FINE)
    assert told.ended.result == "A text."
    assert told.told() == [("0", "editor", "answer"), ("0.1", "critic", "review")]
    review = told.model_calls[1]
    assert review.messages[0].content.startswith("You are critic.\n\nReview the text below")
    assert review.messages[1].content == 'Task:\nContext:\n{"to": "Ada"}\n\nWrite.\n\nText:\nA text.'
    assert review.output_schema is not None
    [started] = told.of(e.DelegateStarted)
    assert started.purpose == "review"


def test_the_writer_revises_by_its_remarks() -> None:
    told = story(accepted("editor", TEAM), TEAM, "A long text.", SHORTER, "A text.", FINE)
    assert told.ended.result == "A text."
    assert told.told()[2:] == [("0", "editor", "revise"), ("0.2", "critic", "review")]
    revise = told.model_calls[2]
    assert [message.role for message in revise.messages] == ["system", "user", "assistant", "user"]
    assert [message.content for message in revise.messages[2:]] == ["A long text.", "Shorter, please."]
    assert "reviewer's remarks" in revise.messages[0].content
    assert told.model_calls[3].messages[1].content.endswith("Text:\nA text.")


def test_it_is_revised_only_so_often() -> None:
    told = story(accepted("editor", TEAM), TEAM, "One.", SHORTER, "Two.", SHORTER, "Three.")
    assert told.ended.result == "Three."
    assert len(told.of(e.DelegateStarted)) == MAX_REVIEWS


@pytest.mark.parametrize(
    "critique",
    ["", "Fine.", "[]", "null", '{"approved": "no"}', '{"approved": false}', '{"approved": false, "remarks": " "}',
     '{"approved": false, "remarks": 7}', '{"remarks": "Shorter."}', "{"],
)  # fmt: skip
def test_a_critique_nobody_can_use_approves(critique: str) -> None:
    assert story(accepted("editor", TEAM), TEAM, "A text.", critique).ended.result == "A text."


def test_remarks_may_be_fenced_or_a_list() -> None:
    assert objections(f"Well:\n```json\n{SHORTER}\n```") == "Shorter, please."
    assert objections('{"approved": false, "remarks": ["Shorter.", 7, "Kinder."]}') == "Shorter.\nKinder."


def test_a_critic_that_fails_approves() -> None:
    told = story(accepted("editor", TEAM), TEAM, "A text.", lambda effect: failed(effect, is_retryable=False))
    assert told.ended.result == "A text."


def test_without_a_critic_it_reviews_itself() -> None:
    alone = team(agent("editor", strategy="review"))
    told = story(accepted("editor", alone), alone, "A long text.", SHORTER, "A text.", FINE)
    assert told.told() == [
        ("0", "editor", "answer"),
        ("0.1", "editor", "review"),
        ("0", "editor", "revise"),
        ("0.2", "editor", "review"),
    ]


def test_writer_and_critic_use_their_tools() -> None:
    members = team(
        agent("editor", strategy="review", delegates=("critic", "lead"), tools=("calculator",)),
        agent("critic", tools=("calculator",)),
        agent("lead"),
    )
    replies = (
        [call()],
        "A long text.",
        [call()],
        SHORTER,
        [call(), ask("lead", call_id="a")],
        "A fact.",
        "A text.",
        FINE,
    )
    told = story(accepted("editor", members), members, *replies)
    assert told.ended.result == "A text."
    assert [(run, purpose) for run, _, purpose in told.told()] == [
        ("0", "answer"),
        ("0", "answer"),
        ("0.1", "review"),
        ("0.1", "review"),
        ("0", "revise"),
        ("0.2", "answer"),
        ("0", "revise"),
        ("0.3", "review"),
    ]
    roles = [message.role for message in told.model_calls[6].messages]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user", "assistant", "tool", "tool"]


def test_a_delegate_has_its_text_reviewed_too() -> None:
    told = story(accepted("lead", TEAM), TEAM, [ask("editor")], "A text.", FINE, "Here: A text.")
    assert told.ended.result == "Here: A text."
    assert told.told()[1:3] == [("0.1", "editor", "answer"), ("0.1.1", "critic", "review")]


def test_it_is_reviewed_first_and_mended_then() -> None:
    opening = accepted("editor", TEAM, output_schema=SCHEMA)
    told = story(opening, TEAM, "Five.", SHORTER, "5", FINE, '{"n": 5}')
    assert told.ended.result == {"n": 5}
    assert [purpose for _, _, purpose in told.told()] == ["answer", "review", "revise", "review", "repair"]
    assert story(opening, TEAM, "Five.", FINE, "5", "5").ended.exit_reason == "output_invalid"


def test_without_room_for_a_critic_it_is_not_reviewed() -> None:
    members = team(agent("editor", strategy="review", delegates=("critic", "lead")), agent("critic"), agent("lead"))
    asks = [ask("lead", call_id=str(number)) for number in range(MAX_CHILDREN)]
    told = Story(members, [accepted("editor", members, max_steps=100)])
    told.run(scripted(asks, *["A fact."] * MAX_CHILDREN, "A text."))
    assert told.ended.result == "A text."


def test_it_goes_on_wherever_it_crashed() -> None:
    replies = ["One.", SHORTER, "Two.", SHORTER, "Three."]
    told = story(accepted("editor", TEAM), TEAM, *replies)
    for length in range(1, len(told.journal)):
        kept = through_json(told.journal[:length])
        made = len([event for event in kept if isinstance(event, e.ModelAnswered)])
        resumed = Story(TEAM, kept).run(scripted(*replies[made:]))
        assert resumed.ended == told.ended
        assert [event for event in resumed.journal if not isinstance(event, e.ModelCalled)] == [
            event for event in told.journal if not isinstance(event, e.ModelCalled)
        ]
