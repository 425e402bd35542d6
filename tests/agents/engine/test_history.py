"""What a task reads of its conversation, and what becomes of turns that do not fit any more."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine import events as e
from agents.engine.budget import most_tokens
from agents.engine.decide import first_calls
from agents.engine.effects import Outside
from agents.engine.history import ASKED, History, cut, summary_bytes, transcript
from agents.engine.state import fold
from agents.engine.types import AgentSpec, Message, Turn
from tests.agents.engine.outside import Reply, Story, accepted, agent, call, failed, scripted, team, through_json

WINDOW = 3000
GENERAL = agent("general", window_tokens=WINDOW)
RESEARCH = agent("research", strategy="plan", delegates=("general",), window_tokens=WINDOW)
AUTO = agent("auto", strategy="route", delegates=("general", "analyst"), window_tokens=WINDOW)
ANALYST = agent("analyst", window_tokens=1500)
TEAM = team(GENERAL, RESEARCH, AUTO, ANALYST)


def said(exchanges: int, *, characters: int = 300, since: int = 0) -> tuple[Turn, ...]:
    """So many exchanges, each turn this long, after the turn `since`."""
    return tuple(
        Turn(number, "user" if number % 2 else "assistant", f"turn {number} ".ljust(characters, "x"))
        for number in range(since + 1, since + 2 * exchanges + 1)
    )


def talk(
    lead: str, read: e.ConversationRead, *replies: Reply, members: dict[str, AgentSpec] = TEAM, **limits: Any
) -> Story:
    return Story(members, [accepted(lead, members, **limits), read]).run(scripted(*replies))


def numbers(messages: tuple[Message, ...]) -> list[int]:
    """The turns among them."""
    return [int(each.content.split()[1]) for each in messages if each.content.startswith("turn ")]


def test_earlier_turns_come_before_the_request() -> None:
    read = e.ConversationRead(turns=(Turn(1, "user", "I am Ann."), Turn(2, "assistant", "Hello Ann.")))
    asked = talk("general", read, "Ann.").model_calls[0].messages
    assert [(each.role, each.content) for each in asked[1:]] == [
        ("user", "I am Ann."),
        ("assistant", "Hello Ann."),
        ("user", "What is it?"),
    ]


def test_a_summary_is_the_assistants_own_word() -> None:
    read = e.ConversationRead(turns=said(1, since=6), summary="Ann is here.", summarised=6)
    asked = talk("general", read, "Yes.").model_calls[0].messages
    assert [(each.role, each.content) for each in asked[1:3]] == [("user", ASKED), ("assistant", "Ann is here.")]
    assert numbers(asked) == [7, 8]


def test_delegates_are_told_their_part_alone() -> None:
    told = talk("research", e.ConversationRead(turns=said(1)), '["What is a hen?"]', "A bird.", "A bird it is.")
    read = {(call.run, call.purpose): numbers(call.messages) for call in told.model_calls}
    assert read == {("0", "plan"): [1, 2], ("0.1", "answer"): [], ("0", "write"): [1, 2]}


def test_whoever_takes_over_reads_it_too() -> None:
    told = talk("auto", e.ConversationRead(turns=said(1, characters=50)), "analyst", "42.")
    assert [(each.agent.slug, numbers(each.messages)) for each in told.model_calls] == [
        ("auto", [1, 2]),
        ("analyst", [1, 2]),
    ]


def test_older_turns_are_summarised_once_there_are_too_many() -> None:
    told = talk("general", e.ConversationRead(turns=said(6)), "They spoke of x.", "Done.")
    summarising, answering = told.model_calls
    assert (summarising.purpose, summarising.functions, answering.purpose) == ("summarise", (), "answer")
    assert "turn 1 " in summarising.messages[1].content
    (made,) = told.of(e.ConversationSummarised)
    assert isinstance(made, e.ConversationSummarised)
    assert made.summary == "They spoke of x."
    assert numbers(answering.messages) == list(range(made.until + 1, 13))
    assert "They spoke of x." in [each.content for each in answering.messages]
    assert (told.ended.result, told.state.model_calls) == ("Done.", 2)


def test_a_summary_is_extended_by_what_left_since() -> None:
    read = e.ConversationRead(turns=said(6, since=4), summary="Ann is here.", summarised=4)
    first = talk("general", read, "Ann spoke of x.", "Done.").model_calls[0]
    assert "Summary so far:\nAnn is here." in first.messages[1].content


@pytest.mark.parametrize("limits", [{"max_steps": 1}, {"max_cost_usd": Decimal("0.006")}])
def test_what_the_task_cannot_afford_to_summarise_is_left_out(limits: dict[str, Any]) -> None:
    told = talk("general", e.ConversationRead(turns=said(6)), "Done.", **limits)
    assert told.of(e.ConversationSummarised) == [e.ConversationSummarised(until=8, summary="")]
    assert (told.ended.result, numbers(told.model_calls[0].messages)) == ("Done.", [9, 10, 11, 12])


def test_what_cannot_be_summarised_is_left_out() -> None:
    opening = accepted("general", TEAM)
    told = Story(TEAM, [opening, e.ConversationRead(turns=said(6), summary="Ann is here.", summarised=0)])
    told.run(scripted(lambda each: failed(each, is_retryable=False), "Done."))
    assert [each.purpose for each in told.model_calls] == ["summarise", "answer"]
    assert told.ended.result == "Done."
    assert told.model_calls[1].messages[2].content == "Ann is here."


def test_the_newest_turns_stay_whole_though_they_are_long() -> None:
    turns = (*said(3), *said(1, characters=900, since=6))
    told = talk("general", e.ConversationRead(turns=turns), "Short.", "Done.")
    assert numbers(told.model_calls[1].messages) == [7, 8]


def test_after_a_hand_over_it_fits_the_other_agents_window() -> None:
    told = talk("auto", e.ConversationRead(turns=said(3)), "analyst", "In short.", "42.")
    assert [each.purpose for each in told.model_calls] == ["route", "summarise", "answer"]
    assert told.model_calls[1].agent.slug == "analyst"


def test_no_window_is_too_small_to_answer() -> None:
    members = team(agent("general", window_tokens=100))
    told = talk("general", e.ConversationRead(turns=said(3), summary="Ann."), "Done.", members=members)
    assert [each.purpose for each in told.model_calls] == ["answer"]
    assert len(told.model_calls[0].messages) == 2


def test_an_answer_with_tools_keeps_what_was_read() -> None:
    members = team(agent("general", tools=("calculator",)))
    told = talk("general", e.ConversationRead(turns=said(1)), [call()], "42.", members=members)
    assert [numbers(each.messages) for each in told.model_calls] == [[1, 2], [1, 2]]


turns = st.lists(st.text(max_size=900), max_size=24).map(
    lambda texts: tuple(
        Turn(number, "user" if number % 2 else "assistant", text)
        for number, text in enumerate(texts[: len(texts) // 2 * 2], 5)
    )
)


@given(turns, st.text(max_size=3000), st.integers(0, 6000))
def test_what_is_kept_fits(turns: tuple[Turn, ...], summary: str, room: int) -> None:
    history = History(turns, summary, summarised=4)
    until = history.until(room)
    if until is None:
        assert history.tokens <= room
        return
    kept = history.without(until, summary_bytes(room))
    assert kept.tokens <= room
    assert (*kept.leaving, *kept.turns) == turns, "in order, none twice and none lost"
    assert not kept.turns or kept.turns[0].role == "user"
    full = kept.summarised_as("y" * summary_bytes(room), until)
    assert full.until(room) is None, "a summary of full length fits as well"


@given(st.text(), st.integers(-5, 50))
def test_a_text_is_cut_between_characters(text: str, most: int) -> None:
    assert len(cut(text, most).encode()) <= max(0, most)
    assert text.startswith(cut(text, most))
    history = History(leaving=(Turn(1, "user", text),))
    assert len(transcript(history, most).encode()) <= max(0, most)


replies = st.one_of(st.text(min_size=1, max_size=2000), st.just("general"), st.just("analyst"), st.none())


@given(
    st.sampled_from(["general", "research", "auto", "analyst"]),
    turns,
    st.text(max_size=2000),
    st.integers(1, 5),
    st.lists(replies, min_size=1, max_size=4),
)
def test_whatever_models_say_calls_fit_the_window_and_a_journal_reads_the_same(
    lead: str, turns: tuple[Turn, ...], summary: str, steps: int, script: list[str | None]
) -> None:
    opening = accepted(lead, TEAM, max_steps=steps)
    read = e.ConversationRead(turns=turns, summary=summary, summarised=4)
    said_next = iter(script * 100)

    def respond(effect: Outside) -> e.Event:
        reply = next(said_next)
        return scripted(failed if reply is None else reply)(effect)

    told = Story(TEAM, [opening, read]).run(respond)
    for made in told.model_calls:
        if made.run == e.ROOT and made.purpose in ("summarise", "answer"):
            assert most_tokens(made) <= made.agent.window_tokens
    assert fold(through_json(told.journal), TEAM) == told.state
    begun = first_calls(opening, TEAM, read)
    assert begun == [each for each in told.model_calls[: len(begun)] if isinstance(each, type(begun[0]))]
