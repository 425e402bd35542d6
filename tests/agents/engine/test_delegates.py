"""Agents that models ask as they call tools."""

import pytest

from agents.engine import events as e
from agents.engine.decide import decide
from agents.engine.effects import CallModel, CallTool, Outside, Record
from agents.engine.referrals import name_of
from agents.engine.tree import MAX_CHILDREN, MAX_DEPTH, MAX_RUNS
from tests.agents.engine.outside import (
    Reply,
    Story,
    accepted,
    agent,
    answered,
    ask,
    call,
    failed,
    returned,
    scripted,
    story,
    team,
    through_json,
)

LEAD = agent("lead", delegates=("adder", "poet"), tools=("calculator",))
TEAM = team(LEAD, agent("adder", tools=("calculator",)), agent("poet"))


def by_run(**replies: list[Reply]) -> Story:
    """A task whose runs have a script each: `_0_1` is the first delegate's."""
    left = {run.strip("_").replace("_", "."): iter(given) for run, given in replies.items()}

    def respond(effect: Outside) -> e.Event:
        return returned(effect) if isinstance(effect, CallTool) else answered(effect, next(left[effect.run]))

    return Story(TEAM, [accepted("lead", TEAM)]).run(respond, choose=lambda count: count - 1)


def heard(told: Story, run: str = "0") -> list[str]:
    """What the run's model read of its calls' results, in its last call."""
    last = [call for call in told.model_calls if call.run == run][-1]
    return [message.content for message in last.messages if message.role == "tool"]


def test_it_is_offered_a_function_for_each_delegate() -> None:
    [first] = story(accepted("poet", TEAM), TEAM, "Roses.").model_calls
    assert first.functions == ()
    offered = story(accepted("lead", TEAM), TEAM, "Roses.").model_calls[0].functions
    assert [function.name for function in offered] == ["calculator", "ask_adder", "ask_poet"]
    assert "Does poet." in offered[2].description
    assert offered[2].parameters["required"] == ["task"]


def test_the_delegates_answer_is_the_calls_result() -> None:
    told = story(accepted("lead", TEAM), TEAM, [ask("poet", "Rhyme on rain.")], "Rain, again.", "Here: Rain, again.")
    assert told.ended.result == "Here: Rain, again."
    assert told.told() == [("0", "lead", "answer"), ("0.1", "poet", "answer"), ("0", "lead", "answer")]
    assert told.model_calls[1].messages[-1].content == "Rhyme on rain."
    assert told.of(e.DelegateStarted) == [
        e.DelegateStarted(run="0", child="0.1", agent="poet", task="Rhyme on rain.", purpose="ask", call_id="c1")
    ]
    assert heard(told) == ["Rain, again."]
    assert told.state.tool_calls == 0


def test_several_are_asked_side_by_side_and_heard_in_the_order_of_the_calls() -> None:
    told = by_run(
        _0=[[ask("adder", call_id="a"), ask("poet", call_id="b"), ask("poet", call_id="c")], "Done."],
        _0_1=["First."],
        _0_2=["Second."],
        _0_3=["Third."],
    )
    assert [event.child for event in told.of(e.DelegateFinished)] == ["0.3", "0.2", "0.1"]
    assert heard(told) == ["First.", "Second.", "Third."]


def test_tools_run_beside_them() -> None:
    asked: list[Reply] = [[call(call_id="a"), ask("adder", call_id="b"), call(call_id="c")], "Done."]
    told = by_run(_0=asked, _0_1=[[call()], "84."])
    assert told.ended.result == "Done."
    assert heard(told) == ["42", "84.", "42"]


def test_one_that_fails_is_an_error_for_the_model_to_read() -> None:
    def fails(effect: CallModel) -> e.ModelFailed:
        return failed(effect, is_retryable=False)

    told = story(accepted("lead", TEAM), TEAM, [ask("poet")], fails, "Without a poem, then.")
    assert told.ended.result == "Without a poem, then."
    assert heard(told) == ["poet could not do it. Away."]
    [finished] = told.of(e.DelegateFinished)
    assert finished.is_error


def test_delegates_that_fail_in_a_row_are_no_failed_tools() -> None:
    def reply(effect: CallModel) -> Reply:
        return failed(effect, is_retryable=False) if effect.run != "0" else [ask("poet")]

    assert story(accepted("lead", TEAM), TEAM, *[reply] * 8, "I give up.").ended.result == "I give up."


@pytest.mark.parametrize(
    "arguments", ["", "{", "null", "[]", "{}", '{"task": ""}', '{"task": 7}', '{"task": "\\u0000"}']
)
def test_arguments_of_another_form_are_explained(arguments: str) -> None:
    told = story(accepted("lead", TEAM), TEAM, [call("ask_poet", arguments)], "Never mind.")
    assert told.ended.result == "Never mind."
    assert heard(told) == ['ask_poet takes JSON with the whole task: {"task": "…"}.']
    assert told.of(e.DelegateStarted) == []


def test_it_goes_on_wherever_it_crashed() -> None:
    def respond(effect: Outside) -> e.Event:
        if isinstance(effect, CallTool):
            return returned(effect)
        asks = [ask("adder", call_id="a"), ask("poet", call_id="b")]
        root = "Done." if effect.messages[-1].role == "tool" else asks
        return answered(effect, {"0.1": "First.", "0.2": "Second."}.get(effect.run, root))

    whole = Story(TEAM, [accepted("lead", TEAM)]).run(respond).journal
    for length in range(1, len(whole)):
        told = Story(TEAM, through_json(whole[:length])).run(respond)
        assert [event.child for event in told.of(e.DelegateStarted)] == ["0.1", "0.2"]
        assert told.ended.result == "Done."
        assert [turn.content for turn in told.state.root.turns if turn.role == "tool"] == ["First.", "Second."]


def test_a_call_id_that_comes_again_is_another_call() -> None:
    told = story(
        accepted("lead", TEAM), TEAM, [ask("poet", "One.")], "Uno.", [ask("poet", "Two.")], "Due.", "Uno, due."
    )
    assert [run for run, _, _ in told.told()] == ["0", "0.1", "0", "0.2", "0"]
    assert heard(told) == ["Uno.", "Due."]


def test_an_agent_above_itself_is_not_asked() -> None:
    pair = team(agent("a", delegates=("a", "b")), agent("b", delegates=("a",)))
    told = story(accepted("a", pair), pair, [ask("b")], [ask("a")], "As b.", "As a.")
    first, second = told.model_calls[:2]
    assert [function.name for function in first.functions] == ["ask_b"]
    assert second.functions == ()
    assert heard(told, "0.1") == ["a cannot be called here: it waits for this answer itself. Do it yourself."]


def test_they_are_asked_only_so_deep() -> None:
    deep = team(*(agent(slug, delegates=tuple("abcde")) for slug in "abcde"))
    told = story(accepted("a", deep), deep, [ask("b")], [ask("c")], [ask("d")], [ask("e")], "d.", "c.", "b.", "a.")
    assert told.ended.result == "a."
    assert max(run.count(".") for run, _, _ in told.told()) == MAX_DEPTH
    assert heard(told, "0.1.1.1") == ["The task is divided 3 levels deep already. Do it yourself."]


def test_a_run_asks_only_so_many_and_is_told() -> None:
    wishes = [ask("poet", call_id=str(number)) for number in range(MAX_CHILDREN + 4)]
    told = Story(TEAM, [accepted("lead", TEAM, max_steps=100)])
    told.run(scripted(wishes, *["A verse."] * MAX_CHILDREN, "Enough."))
    assert told.ended.result == "Enough."
    assert len(told.of(e.DelegateStarted)) == MAX_CHILDREN
    refused = "8 tasks were given to other agents already, which is all. Go on with what they said."
    assert heard(told) == [*["A verse."] * MAX_CHILDREN, *[refused] * 4]
    assert told.model_calls[-1].functions == LEAD.functions


def test_a_task_has_only_so_many_runs() -> None:
    members = team(agent("a", delegates=("b", "c")), agent("b", delegates=("c",)), agent("c"))

    def reply(effect: CallModel) -> Reply:
        has_asked = any(message.role == "tool" for message in effect.messages)
        wishes = {
            "a": [ask("b", call_id=str(each)) for each in range(8)],
            "b": [ask("c", call_id=str(each)) for each in range(8)],
        }
        return "So." if has_asked or effect.agent.slug == "c" else wishes[effect.agent.slug]

    told = Story(members, [accepted("a", members, max_steps=1000)])
    told.run(lambda effect: answered(effect, reply(effect)) if isinstance(effect, CallModel) else returned(effect))
    assert told.ended.status == "completed"
    assert len(told.state.runs) == MAX_RUNS
    refused = [event for event in told.of(e.ToolReturned) if "32 agents have worked" in event.output]
    assert len(refused) == 8 * 8 - (MAX_RUNS - 1 - 8)


def test_its_delegates_calls_count_for_the_task() -> None:
    told = story(accepted("lead", TEAM, max_steps=2), TEAM, [ask("poet")], "A verse.")
    assert told.ended.exit_reason == "max_steps"
    assert told.state.usage.output_tokens == 10


def test_a_planners_helper_is_no_function_of_its_model_but_further_delegates_are() -> None:
    members = team(agent("planner", strategy="plan", delegates=("poet", "adder")), *TEAM.values())
    told = story(accepted("planner", members), members, '["What is rain?"]', "Water.", [ask("adder")], "4.", "Done.")
    assert told.told() == [
        ("0", "planner", "plan"),
        ("0.1", "poet", "answer"),
        ("0", "planner", "write"),
        ("0.2", "adder", "answer"),
        ("0", "planner", "answer"),
    ]
    assert [function.name for function in told.model_calls[2].functions] == ["ask_adder"]
    assert told.model_calls[-1].messages[1].content.endswith("Notes:\nQ: What is rain?\nA: Water.")


@pytest.mark.parametrize(
    ("slug", "name"),
    [("my-agent", "ask_my-agent"), ("my_agent", "ask_my_agent"), ("x" * 60, "ask_" + "x" * 60)],
)
def test_a_slug_keeps_its_marks_in_the_functions_name(slug: str, name: str) -> None:
    assert name_of("ask", slug) == name


def test_long_slugs_stay_apart() -> None:
    names = {name_of("hand_over", "x" * 63 + end) for end in "abc"}
    assert len(names) == 3
    assert {len(name) for name in names} == {64}


def test_a_delegates_function_goes_before_a_tool_of_its_name() -> None:
    members = team(agent("lead", delegates=("poet",), tools=("ask_poet",)), agent("poet"))
    told = story(accepted("lead", members), members, [ask("poet")], "A verse.", "Here.")
    assert [function.description for function in told.model_calls[0].functions] == [
        "Have the agent poet do a task. Does poet."
    ]
    assert len(told.of(e.DelegateStarted)) == 1


def test_a_delegate_that_waits_for_people_holds_its_task() -> None:
    letter = call(call_id="letter")
    told = Story(TEAM, [accepted("lead", TEAM), e.AttemptStarted(attempt=1)])
    respond = scripted([ask("adder")], [letter])
    while not told.state.waits_for_people:
        for effect in decide(told.state):
            match effect:
                case Record():
                    told.append(effect.event)
                case CallTool():
                    told.append(e.OutcomeUnknown(run=effect.run, step=effect.step, call=letter))
                case CallModel():
                    told.append(respond(effect))
    assert decide(told.state) == []
    told.append(e.OutcomeResolved(run="0.1", call_id="letter", decision="done", by="admin"))
    told.append(e.ToolReturned(run="0.1", step=1, call_id="letter", tool="calculator", output="Sent."))
    told.run(scripted("It was sent.", "All is done."))
    assert heard(told) == ["It was sent."]
