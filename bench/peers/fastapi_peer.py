"""The obvious design as a peer: FastAPI, one Redis, one call of the model, and no database.

It checks a key, counts a minute's requests, looks for six phrases of attacks, caches answers for five minutes, counts and logs.
Run by uvicorn with REDIS_URL, MODEL_URL and PEER_KEY in the environment. With TUNED=1 count and cache are one script, the openai
package speaks through aiohttp, and nothing stands between server and view.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import redis.asyncio
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from prometheus_client import Counter, Histogram
from pydantic import BaseModel, Field

IS_TUNED = os.environ.get("TUNED") == "1"
MOST_A_MINUTE = 10**9
KEPT_SECONDS = 300
SCRIPT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 60) end
return {count, redis.call('GET', KEYS[2])}
"""
ATTACK = re.compile(
    r"ignore (all )?(previous|prior) instructions|disregard (all )?previous|you are now an?\s|system prompt|"
    r"reveal your instructions|jailbreak",
    re.IGNORECASE,
)
KNOWN = {hashlib.sha256(os.environ["PEER_KEY"].encode()).hexdigest(): "bench"}
requests = Counter("peer_requests_total", "Requests.", ["status"])
seconds = Histogram("peer_request_seconds", "Time to answer.")
log = logging.getLogger("peer")
log.setLevel(logging.INFO)
log.addHandler(logging.StreamHandler(sys.stdout))
parts: dict[str, Any] = {}


class Order(BaseModel):
    """What a client sends."""

    task: str = Field(min_length=1, max_length=10_000)
    agent_type: str = "general"


class Done(BaseModel):
    """What a client gets."""

    task_id: str
    status: str
    result: str
    usage: dict[str, int]
    cached: bool


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Connect, once for each process."""
    parts["redis"] = redis.asyncio.from_url(os.environ["REDIS_URL"], decode_responses=True, max_connections=2000)
    parts["script"] = parts["redis"].register_script(SCRIPT)
    client = openai.DefaultAioHttpClient() if IS_TUNED else None
    parts["model"] = openai.AsyncOpenAI(
        base_url=os.environ["MODEL_URL"], api_key="x", max_retries=0, http_client=client
    )
    yield


app = FastAPI(lifespan=lifespan)


def noted(status: int, began: float) -> None:
    """Count a request, and write its line."""
    took = time.perf_counter() - began
    requests.labels(str(status)).inc()
    seconds.observe(took)
    log.info(json.dumps({"event": "request", "status": status, "ms": took * 1000, "request_id": uuid.uuid4().hex}))


async def observed(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    """The middleware that notes every request."""
    began = time.perf_counter()
    response = await answer(request)
    noted(response.status_code, began)
    return response


if not IS_TUNED:
    app.middleware("http")(observed)


async def caller(request: Request) -> str:
    """Whose key it is."""
    digest = hashlib.sha256(request.headers.get("authorization", "").removeprefix("Bearer ").encode()).hexdigest()
    for known, name in KNOWN.items():
        if hmac.compare_digest(known, digest):
            return name
    raise HTTPException(401, "There is no such key.")


@app.get("/health")
async def health() -> dict[str, str]:
    """Whether it serves."""
    return {"status": "healthy"}


@app.post("/agent/execute")
async def execute(order: Order, client: str = Depends(caller)) -> Done:
    """Answer from the cache, or ask the model."""
    began = time.perf_counter()
    if ATTACK.search(order.task):
        raise HTTPException(400, "This reads like an attack.")
    window = f"limit:{client}:{int(time.time()) // 60}"
    key = "answer:" + hashlib.sha256(f"{order.agent_type}|{order.task}".encode()).hexdigest()
    if IS_TUNED:
        count, kept = await parts["script"](keys=[window, key])
    else:
        async with parts["redis"].pipeline() as pipe:
            count, _ = await pipe.incr(window).expire(window, 60).execute()
        kept = await parts["redis"].get(key)
    if count > MOST_A_MINUTE:
        raise HTTPException(429, "Too many requests.")
    answer = json.loads(kept) if kept else await made(order)
    if not kept:
        await parts["redis"].setex(key, KEPT_SECONDS, json.dumps(answer))
    if IS_TUNED:
        noted(200, began)
    return Done(task_id=uuid.uuid4().hex, status="completed", cached=bool(kept), **answer)


async def made(order: Order) -> dict[str, Any]:
    """What the model says."""
    reply = await parts["model"].chat.completions.create(
        model="gpt-4o-mini",
        max_tokens=256,
        messages=[
            {"role": "system", "content": f"You are a {order.agent_type} agent."},
            {"role": "user", "content": order.task},
        ],
    )
    usage = {"input_tokens": reply.usage.prompt_tokens, "output_tokens": reply.usage.completion_tokens}
    return {"result": reply.choices[0].message.content, "usage": usage}
