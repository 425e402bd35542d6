"""Tools: made from functions, found by name, called with what a model wrote."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import Field
from pytest_django import Settings

from agents.tools import registry
from agents.tools.registry import MAX_OUTPUT_BYTES, Outcome
from agents.tools.tool import CallContext, Tool, ToolError, tool

Register = Callable[[Tool], None]


@tool(effect="idempotent", timeout_seconds=0.2)
async def book(
    room: str, nights: Annotated[int, Field(ge=1, le=30)] = 1, view: Literal["sea", "street"] = "sea"
) -> dict[str, Any]:
    """Book a room
    in the house.

    Args:
        room: The room's name,
            as on its door.
        nights: How many nights.
    """
    return {"room": room, "nights": nights, "view": view}


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Make a tool known for the test."""
    monkeypatch.setattr(registry, "_tools", dict(registry._tools))
    return registry.register


def call(name: str, arguments: str = "{}") -> Outcome:
    return asyncio.run(registry.call(name, arguments))


def test_a_function_says_all_there_is_to_say() -> None:
    assert (book.name, book.effect, book.timeout_seconds) == ("book", "idempotent", 0.2)
    assert book.description == "Book a room in the house."
    assert book.parameters == {
        "type": "object",
        "properties": {
            "room": {"type": "string", "description": "The room's name, as on its door."},
            "nights": {"type": "integer", "minimum": 1, "maximum": 30, "default": 1, "description": "How many nights."},
            "view": {"type": "string", "enum": ["sea", "street"], "default": "sea"},
        },
        "required": ["room"],
        "additionalProperties": False,
    }


def test_the_context_is_no_models_to_fill(register: Register) -> None:
    @tool(effect="pure", timeout_seconds=1)
    def whose(pet: str, call_from: CallContext, idempotency_key: str) -> str:
        """Tell whose pet it is."""
        return f"{pet} of {call_from.agent} by {idempotency_key}"

    register(whose)
    assert list(whose.parameters["properties"]) == ["pet"]
    somewhere = UUID(int=1)
    context = CallContext(task_id=somewhere, client_id=somewhere, agent="general", run="0", idempotency_key="k1")
    assert asyncio.run(registry.call("whose", '{"pet": "Rex"}', context=context)) == Outcome("Rex of general by k1")
    assert "Extra inputs" in asyncio.run(registry.call("whose", '{"pet": "Rex", "call_from": {}}')).output


def test_what_we_ship() -> None:
    assert registry.names() == (
        "calculator",
        "current_time",
        "knowledge_search",
        "run_python",
        "web_fetch",
        "web_search",
    )
    assert registry.get("calculator") is not None
    assert registry.get("nothing") is None
    assert all(shipped and shipped.effect == "pure" for shipped in map(registry.get, registry.names()))


def test_it_is_offered_in_the_form_of_chat_completions() -> None:
    [offered] = registry.function_schemas(["current_time", "retired_tool"])
    assert offered["type"] == "function"
    assert offered["function"]["name"] == "current_time"
    assert offered["function"]["parameters"]["properties"]["timezone"]["type"] == "string"


@pytest.mark.parametrize("name", registry.names())
def test_what_a_tool_adds_to_a_call_is_within_its_worst_case(name: str, settings: Settings) -> None:
    """Four bytes a token is a low guess for English text."""
    settings.WEB_SEARCH_PROVIDER = "tavily"
    [function] = registry.functions([name])
    assert len(json.dumps(registry.function_schemas([name]))) / 4 < function.most_tokens == registry.SHIPPED_TOKENS


def test_what_is_not_set_up_is_not_offered(register: Register) -> None:
    @tool(effect="pure", timeout_seconds=1, unavailable=lambda: "There is no telephone here.")
    def ring() -> str:
        """Ring."""
        return "rang"

    register(ring)
    assert registry.functions(["ring"]) == ()
    assert registry.not_set_up(["ring", "calculator"]) == {"ring": "There is no telephone here."}
    assert call("ring") == Outcome("There is no telephone here.", is_error=True)


def test_a_name_is_given_once(register: Register) -> None:
    register(book)
    with pytest.raises(ValueError, match="two tools named 'book'"):
        register(book)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ('{"room": "Nile"}', {"room": "Nile", "nights": 1, "view": "sea"}),
        ('{"room": 42, "nights": "3"}', {"room": "42", "nights": 3, "view": "sea"}),
    ],
)
def test_it_calls_with_the_arguments(register: Register, arguments: str, output: dict[str, Any]) -> None:
    register(book)
    outcome = call("book", arguments)
    assert (json.loads(outcome.output), outcome.is_error) == (output, False)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("", "room: Field required"),
        ("{", "not valid JSON"),
        ("null", "arguments: Input should be"),
        ("[1]", "arguments: Input should be"),
        ("[" * 100_000, "not valid JSON"),
        ('{"room": "Nile", "nights": 0}', "nights: Input should be greater than or equal to 1"),
        ('{"room": "Nile", "view": "garden"}', "view: Input should be 'sea' or 'street'"),
        ('{"room": "Nile", "price": 1}', "price: Extra inputs are not permitted"),
        ('{"room": "\\ud800"}', "not valid JSON"),
    ],
    ids=lambda text: text[:24],
)
def test_bad_arguments_are_told_in_a_sentence(register: Register, arguments: str, fault: str) -> None:
    register(book)
    outcome = call("book", arguments)
    assert outcome.is_error
    assert fault in outcome.output
    assert len(outcome.output) < 500


def test_an_unknown_tool_is_told_with_those_there_are() -> None:
    assert call("teleport") == Outcome(
        "There is no tool named 'teleport'; there are: calculator, current_time, knowledge_search, run_python, web_fetch, "
        "web_search.",
        is_error=True,
    )


def test_a_tool_error_is_told_as_it_is(register: Register) -> None:
    @tool(effect="pure", timeout_seconds=1)
    def refuse() -> str:
        """Refuse."""
        raise ToolError("Not on Sundays.")

    register(refuse)
    assert call("refuse") == Outcome("Not on Sundays.", is_error=True)


@pytest.mark.parametrize(
    "error", [ValueError("key sk-secret"), RecursionError(), asyncio.CancelledError(), MemoryError()]
)
def test_any_other_error_is_told_without_details(register: Register, error: BaseException, logs: Any) -> None:
    @tool(effect="pure", timeout_seconds=1)
    async def fail() -> str:
        """Fail."""
        raise error

    register(fail)
    assert call("fail") == Outcome("fail failed; it may work with other arguments, or later.", is_error=True)
    assert "sk-secret" not in logs.text
    [event] = logs.events("tool_failed")
    assert (event["tool"], event["error"]) == ("fail", type(error).__name__)


def test_a_slow_tool_is_stopped(register: Register) -> None:
    @tool(effect="pure", timeout_seconds=0.05)
    async def dawdle() -> str:
        """Dawdle."""
        await asyncio.Event().wait()
        return "never"

    register(dawdle)
    assert call("dawdle") == Outcome("dawdle did not answer within 0.05 s.", is_error=True)


def test_only_being_cancelled_passes(register: Register) -> None:
    started = asyncio.Event()

    @tool(effect="pure", timeout_seconds=30)
    async def wait() -> str:
        """Wait."""
        started.set()
        await asyncio.Event().wait()
        return "never"

    register(wait)

    async def cancel() -> None:
        calling = asyncio.create_task(registry.call("wait", "{}"))
        await started.wait()
        calling.cancel()
        await calling

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


def test_a_blocking_tool_runs_in_a_thread_when_it_says_so(register: Register) -> None:
    import threading

    @tool(effect="pure", timeout_seconds=5, runs_in_thread=True)
    def thread() -> str:
        """Name the thread."""
        return threading.current_thread().name

    register(thread)
    assert call("thread").output != threading.main_thread().name


@pytest.mark.parametrize("letter", ["a", "ü", "😀"])
def test_a_long_output_is_cut_with_a_note(register: Register, letter: str) -> None:
    @tool(effect="pure", timeout_seconds=1)
    def shout() -> str:
        """Shout."""
        return letter * (MAX_OUTPUT_BYTES + 1)

    register(shout)
    output = call("shout").output
    assert len(output.encode()) <= MAX_OUTPUT_BYTES
    assert output.startswith(letter * 5000)
    assert output.endswith("longer than 32 KiB.]")


def test_a_reply_of_50_mb_is_cut_at_once(register: Register) -> None:
    reply = "x" * 50_000_000

    @tool(effect="pure", timeout_seconds=1)
    def flood() -> str:
        """Flood."""
        return reply

    register(flood)
    began = time.monotonic()
    tracemalloc.start()
    output = call("flood").output
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(output) == MAX_OUTPUT_BYTES
    assert peak < 1_000_000
    assert time.monotonic() - began < 1


def test_output_that_no_store_takes_is_mended(register: Register) -> None:
    @tool(effect="pure", timeout_seconds=1)
    def mumble() -> str:
        """Mumble."""
        return "a\x00b\ud800c"

    register(mumble)
    assert call("mumble").output == "a\ufffdb\ufffdc"
