"""A model that says when it says something: each piece of its streamed answer is the moment at which it was sent.

    python -m bench.delta_model PORT DELTAS SECONDS_BETWEEN

The moments are seconds of the machine's monotonic clock, which all its processes share.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop
from aiohttp import web

USAGE = {"prompt_tokens": 20, "completion_tokens": 20, "total_tokens": 40}


class DeltaModel:
    """Sends so many pieces, so long after each other."""

    def __init__(self, deltas: int, seconds_between: float) -> None:
        self.deltas = deltas
        self.seconds_between = seconds_between

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer a call: streamed in pieces, or as one text of the same length in time."""
        body = await request.json()
        if not body.get("stream"):
            await asyncio.sleep(self.deltas * self.seconds_between)
            message = {"role": "assistant", "content": f"{time.monotonic():.6f} "}
            return web.json_response(_frame("chat.completion", {"message": message}, "stop") | {"usage": USAGE})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(self.deltas):
            await asyncio.sleep(self.seconds_between)
            await _write(response, _frame("chat.completion.chunk", {"delta": {"content": f"{time.monotonic():.6f} "}}))
        await _write(response, _frame("chat.completion.chunk", {"delta": {}}, "stop"))
        await _write(response, {**_frame("chat.completion.chunk", {}), "choices": [], "usage": USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response


def _frame(kind: str, choice: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, **choice, "finish_reason": finish_reason}]
    return {"id": "chatcmpl-0", "object": kind, "created": 1_700_000_000, "model": "timed", "choices": choices}


async def _write(response: web.StreamResponse, frame: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(frame).encode() + b"\n\n")


async def _models(_: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": []})


async def _ready(_: web.Request) -> web.Response:
    return web.json_response({})


def main() -> None:
    """Serve on the port until ended."""
    model = DeltaModel(int(sys.argv[2]), float(sys.argv[3]))
    app = web.Application()
    app.add_routes(
        [web.post("/v1/chat/completions", model.complete), web.get("/v1/models", _models), web.get("/calls", _ready)]
    )
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None)


if __name__ == "__main__":
    main()
