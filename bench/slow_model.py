"""A model that takes its time: OpenAI's chat completions after some seconds, streamed when asked for.

    python -m bench.slow_model PORT SECONDS

`GET /calls` says how many calls it is thinking about, and how many came in all.
"""

import asyncio
import json
import sys
from typing import Any

import uvloop
from aiohttp import web

WORDS = ("A", " slow", " answer", ".")


class SlowModel:
    """Thinks about any number of calls at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.thinking = 0
        self.came = 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer a call, in pieces over the time when it is to be streamed."""
        body = await request.json()
        self.came += 1
        self.thinking += 1
        try:
            if body.get("stream"):
                return await self._stream(request, body["model"])
            await asyncio.sleep(self.seconds)
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response(_frame(body["model"], "chat.completion", [choice]) | {"usage": USAGE})
        finally:
            self.thinking -= 1

    async def _stream(self, request: web.Request, model: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in WORDS:
            await asyncio.sleep(self.seconds / len(WORDS))
            delta = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
            await _write(response, _frame(model, "chat.completion.chunk", [delta]))
        stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
        await _write(response, _frame(model, "chat.completion.chunk", [stop]))
        await _write(response, _frame(model, "chat.completion.chunk", []) | {"usage": USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def calls(self, _: web.Request) -> web.Response:
        """What it does now, and has done."""
        return web.json_response({"thinking": self.thinking, "came": self.came})


USAGE = {"prompt_tokens": 20, "completion_tokens": len(WORDS), "total_tokens": 20 + len(WORDS)}


def _frame(model: str, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "chatcmpl-slow", "object": kind, "created": 1_700_000_000, "model": model, "choices": choices}


async def _write(response: web.StreamResponse, frame: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(frame).encode() + b"\n\n")


async def _models(_: web.Request) -> web.Response:
    row = {"id": "slow", "object": "model", "created": 1_700_000_000, "owned_by": "bench"}
    return web.json_response({"object": "list", "data": [row]})


def main() -> None:
    """Serve on the port until ended."""
    model = SlowModel(float(sys.argv[2]))
    app = web.Application()
    app.add_routes(
        [
            web.post("/v1/chat/completions", model.complete),
            web.get("/v1/models", _models),
            web.get("/calls", model.calls),
        ]
    )
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None, backlog=4096)


if __name__ == "__main__":
    main()
