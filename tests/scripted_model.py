"""A model provider that says what a test tells it to: OpenAI's chat completions over real HTTP.

    model.answers("Paris.")                                        the next call is answered with text
    model.answers(tool_call("calculator", expression="2+2"), "4")  the next with a tool call, the one after with text
    model.answers(tool_calls(tool_call("a"), tool_call("b")))      two tool calls in one answer
    model.answers({"city": "Paris"})                               JSON text
    model.answers(text("Bonjour", chunks=["Bon", "jour"]))         streamed in these pieces
    model.when("capital of France", "Paris.")                      whenever the messages contain the pattern
    model.fails(429, retry_after=1)                                an HTTP error, in OpenAI's form
    model.answers(JUNK, CUT, cut("one two three", after=2))        no JSON; no answer at all; a stream cut midway
    model.answers(Flood(b" ", every_seconds=0.1))                  a body that never ends
    hold = model.holds("Late.")                                    the next call waits until hold.release()

Rules of `when` come first, then the queue of `answers`, then "An answer to: <the last user message>".
Every call is kept in `model.requests`. A token is a word. As the real one does, it refuses `max_tokens` and
`temperature` for the gpt-5 family, refuses a tool's result that nobody asked for, and cuts an answer at
`max_completion_tokens`.
"""

import asyncio
import json
import re
import threading
from collections import deque
from dataclasses import dataclass, replace

from aiohttp import web

from tests.answers import (
    CUT,
    JUNK,
    Answer,
    Flood,
    Given,
    Refusal,
    Scripted,
    ToolCall,
    cut,
    failure,
    scripted,
    text,
    tool_call,
    tool_calls,
)
from tests.completions import Request, chunks, completion, fault, within_limit

__all__ = [
    "CUT",
    "JUNK",
    "Answer",
    "Flood",
    "Hold",
    "Refusal",
    "Request",
    "ScriptedModel",
    "ToolCall",
    "cut",
    "failure",
    "text",
    "tool_call",
    "tool_calls",
]

# Stands in an answer for what the tools of the last call gave.
HEARD = "{heard}"


class Hold:
    """A call whose answer waits. `request` is None until the call has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.request: Request | None = None
        self._loop = loop
        self._reached = threading.Event()
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let the answer go out."""
        self._loop.call_soon_threadsafe(self._released.set)

    def reached(self, *, within: float = 10) -> Request:
        """Wait until the call has come, in seconds; give it."""
        assert self._reached.wait(within), f"no call reached the model within {within} s"
        assert self.request is not None
        return self.request

    async def pass_through(self, request: Request) -> None:
        """On the model's own loop: wait there for the release."""
        self.request = request
        self._reached.set()
        await self._released.wait()


@dataclass
class _Turn:
    """One place in a script: what is answered, and what holds it back and after how many pieces."""

    answer: Scripted
    hold: Hold | None = None
    held_after: int = 0


class ScriptedModel:
    """The provider and its script. One serves a whole test process; `reset` gives each test an empty script."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._rules: list[tuple[re.Pattern[str], deque[_Turn]]] = []
        self._queue: deque[_Turn] = deque()
        self._holds: list[Hold] = []
        self._loop = asyncio.new_event_loop()
        self._port = 0
        started = threading.Event()
        threading.Thread(target=self._serve, args=(started,), name="scripted-model", daemon=True).start()
        assert started.wait(10), "the scripted model did not start"

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL takes."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def calls(self) -> int:
        """How many calls came since the test began."""
        return len(self.requests)

    def answers(self, *answers: Given) -> None:
        """Answer the next calls with these, in order."""
        self._queue.extend(_Turn(scripted(each)) for each in answers)

    def when(self, pattern: str, *answers: Given) -> None:
        """Answer calls whose messages match the regular expression with these in order; the last one stays."""
        self._rules.append((re.compile(pattern), deque(_Turn(scripted(each)) for each in answers)))

    def fails(self, status: int, *, times: int = 1, code: str = "", retry_after: float | None = None) -> None:
        """Answer the next calls with an HTTP error."""
        self.answers(*[failure(status, code=code, retry_after=retry_after)] * times)

    def holds(self, answer: Given = "Held.", *, after: int = 0) -> Hold:
        """Hold the next call's answer back, when streamed after so many pieces of it."""
        hold = Hold(self._loop)
        self._holds.append(hold)
        self._queue.append(_Turn(scripted(answer), hold, after))
        return hold

    def reset(self) -> None:
        """Forget script and calls, and let go of every call that is still held."""
        for hold in self._holds:
            hold.release()
        self.requests, self._rules, self._holds = [], [], []
        self._queue.clear()

    def stop(self) -> None:
        """End the server's thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([web.post("/v1/chat/completions", self._complete), web.get("/v1/models", _models)])
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self._port = runner.addresses[0][1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _turn(self, request: Request) -> _Turn:
        for pattern, turns in self._rules:
            if pattern.search(request.transcript):
                return turns.popleft() if len(turns) > 1 else turns[0]
        if self._queue:
            return self._queue.popleft()
        return _Turn(Answer(f"An answer to: {request.question}"))

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        request = Request(await http.json(), dict(http.headers))
        self.requests.append(request)
        if problem := fault(request.body):
            return _refused(Refusal(400, json.dumps({"error": {"message": problem, "type": "invalid_request_error"}})))
        turn = self._turn(request)
        if isinstance(turn.answer, Answer) and HEARD in turn.answer.text:
            turn = replace(turn, answer=replace(turn.answer, text=turn.answer.text.replace(HEARD, request.heard)))
        try:
            if turn.hold is not None and not (request.is_streamed and turn.held_after):
                await turn.hold.pass_through(request)
            if isinstance(turn.answer, Refusal):
                return _refused(turn.answer)
            if isinstance(turn.answer, Flood):
                return await _flood(http, turn.answer)
            if request.is_streamed:
                return await _stream(http, request, turn, within_limit(turn.answer, request))
            if turn.answer.cut_after is not None:
                return _hang_up(http)
            return web.json_response(completion(request, within_limit(turn.answer, request)))
        except (asyncio.CancelledError, ConnectionError):
            request.abandoned.set()
            raise


async def _stream(http: web.Request, request: Request, turn: _Turn, answer: Answer) -> web.StreamResponse:
    if answer.cut_after == 0:
        return _hang_up(http)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(http)
    # The first chunk, the role, is no piece of the answer.
    for sent, chunk in enumerate(chunks(request, answer), start=-1):
        if turn.hold is not None and turn.held_after and sent == turn.held_after:
            await turn.hold.pass_through(request)
        if sent == answer.cut_after:
            return _hang_up(http)
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def _flood(http: web.Request, flood: Flood) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": flood.content_type, **flood.headers})
    await response.prepare(http)
    await response.write(flood.first)
    while True:
        await asyncio.sleep(flood.every_seconds)
        await response.write(flood.piece)


def _hang_up(http: web.Request) -> web.Response:
    if http.transport is not None:
        http.transport.abort()
    return web.Response()


def _refused(refusal: Refusal) -> web.Response:
    return web.Response(
        status=refusal.status, text=refusal.body, content_type=refusal.content_type, headers=dict(refusal.headers)
    )


async def _models(_: web.Request) -> web.Response:
    names = ("gpt-5-mini", "gpt-5-nano")
    rows = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "scripted"} for name in names]
    return web.json_response({"object": "list", "data": rows})
