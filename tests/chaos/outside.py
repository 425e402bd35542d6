"""What stands outside the platform, as a process of its own: a model provider and a tool server that count what they are asked.

    python -m tests.chaos.outside PORT SEED TROUBLE

TROUBLE is the share of model calls that are answered with a fault (429, 500, junk, a cut, a long wait). What a call gets
follows from the seed, its step and how often that step was asked before; never from the time. `GET /ledger` tells all.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from aiohttp import web

from tests.answers import JUNK, Answer, Refusal, failure
from tests.chaos.script import Step, answer_of, step_of
from tests.completions import Request, chunks, completion, fault

TROUBLES = {"429": 3, "500": 3, "junk": 2, "cut": 2, "slow": 3}
REFUSALS: dict[str, Refusal] = {"429": failure(429, retry_after=1), "500": failure(500), "junk": JUNK}
MOST_TROUBLES = 2
"""Of one step, so that trouble delays tasks and ends few."""


@dataclass
class Charge:
    """One model call as the provider's bill has it. Refused calls cost nothing."""

    call: int
    label: str
    turn: str
    outcome: str
    began: float
    input_tokens: int = 0
    output_tokens: int = 0
    is_whole: bool = False
    ended: float = 0
    """When the answer was written, or the platform hung up."""


@dataclass
class Effect:
    """One request to the tool server. `key` is the platform's own name for the call, where it gives one."""

    tool: str
    name: str
    asked_in: int
    key: str
    at: float


class Outside:
    """The provider and the tool server, with everything they were asked."""

    def __init__(self, seed: str, trouble: float) -> None:
        self.seed = seed
        self.trouble = trouble
        self.charges: list[Charge] = []
        self.effects: list[Effect] = []
        self.waiting = 0
        self._asked: Counter[tuple[str, str]] = Counter()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/v1/chat/completions", self.complete),
                web.get("/v1/models", self.models),
                web.post("/tools/{tool}", self.tool),
                web.get("/tools/{tool}/{name}", self.has_happened),
                web.get("/ledger", self.ledger),
                web.get("/waiting", self.count_waiting),
            ]
        )
        return app

    async def complete(self, http: web.Request) -> web.StreamResponse:
        request = Request(await http.json(), dict(http.headers))
        step = step_of(request.messages)
        if step is None or (problem := fault(request.body)):
            return web.json_response({"error": {"message": problem if step else "No chaos task."}}, status=400)
        self._asked[step.label, step.turn] += 1
        nth = self._asked[step.label, step.turn]
        random = Random(f"{self.seed}/{step.label}/{step.turn}/{nth}")
        outcome = self._outcome(step, nth, random)
        charge = Charge(len(self.charges) + 1, step.label, step.turn, outcome, time.time())
        self.charges.append(charge)
        self.waiting += 1
        try:
            return await self._answered(http, request, step, charge, random)
        finally:
            self.waiting -= 1
            charge.ended = time.time()

    def _outcome(self, step: Step, nth: int, random: Random) -> str:
        if step.words.startswith("hold"):
            return "hold"
        is_troubled = nth <= MOST_TROUBLES and random.random() < self.trouble
        return random.choices(list(TROUBLES), list(TROUBLES.values()))[0] if is_troubled else "ok"

    async def _answered(
        self, http: web.Request, request: Request, step: Step, charge: Charge, random: Random
    ) -> web.StreamResponse:
        if refusal := REFUSALS.get(charge.outcome):
            await asyncio.sleep(random.uniform(0, 0.2))
            return web.Response(
                status=refusal.status, text=refusal.body, content_type=refusal.content_type, headers=refusal.headers
            )
        await asyncio.sleep({"slow": random.uniform(5, 12), "hold": 600}.get(charge.outcome, random.uniform(0.02, 1.2)))
        answer = answer_of(step, charge.call, random)
        whole = completion(request, answer)
        charge.input_tokens = whole["usage"]["prompt_tokens"]
        charge.output_tokens = whole["usage"]["completion_tokens"]
        if charge.outcome == "cut" and not request.is_streamed:
            return _hang_up(http)
        if not request.is_streamed:
            charge.is_whole = True
            return web.json_response(whole)
        return await self._streamed(http, request, answer, charge, random)

    async def _streamed(
        self, http: web.Request, request: Request, answer: Answer, charge: Charge, random: Random
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        pause = random.uniform(0, 0.08)
        for place, chunk in enumerate(chunks(request, answer)):
            if charge.outcome == "cut" and place == 5:
                return _hang_up(http)
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
            await asyncio.sleep(pause)
        charge.is_whole = True
        await response.write(b"data: [DONE]\n\n")
        return response

    async def tool(self, http: web.Request) -> web.Response:
        asked = await http.json()
        effect = Effect(http.match_info["tool"], asked["name"], asked["asked_in"], asked.get("key", ""), time.time())
        self.effects.append(effect)
        # Effect first, then the answer: whoever is killed in between does not know that it happened.
        await asyncio.sleep(Random(f"{self.seed}/{effect.name}").uniform(0.01, 0.5))
        return web.json_response({"done": effect.name})

    async def has_happened(self, http: web.Request) -> web.Response:
        asked = (http.match_info["tool"], http.match_info["name"])
        return web.json_response({"happened": any((each.tool, each.name) == asked for each in self.effects)})

    async def ledger(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"charges": [asdict(each) for each in self.charges], "effects": [asdict(each) for each in self.effects]}
        )

    async def count_waiting(self, _: web.Request) -> web.Response:
        return web.json_response({"waiting": self.waiting})

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "gpt-5-mini", "object": "model"}]})


def _hang_up(http: web.Request) -> web.Response:
    if http.transport is not None:
        http.transport.abort()
    return web.Response()


def main(arguments: list[str]) -> Any:
    """Serve until this process is ended."""
    port, seed, trouble = arguments
    outside = Outside(seed, float(trouble))
    web.run_app(
        outside.application(),
        host="127.0.0.1",
        port=int(port),
        print=None,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=0,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
