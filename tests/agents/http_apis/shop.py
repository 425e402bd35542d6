"""A shop's API for tests, real HTTP, with its OpenAPI document."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DOCUMENT = """
openapi: 3.1.0
info: {title: The shop, version: "1"}
servers: [{url: "BASE"}]
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-API-Key}
  parameters:
    Limit: {name: limit, in: query, schema: {type: integer, maximum: 50}}
  schemas:
    Order:
      type: object
      required: [item, id]
      properties:
        id: {type: string, readOnly: true}
        item: {type: string, description: What is ordered.}
        count: {type: integer, minimum: 1}
        parts: {type: array, items: {$ref: "#/components/schemas/Order"}}
paths:
  /orders:
    get:
      operationId: listOrders
      summary: List the orders.
      parameters:
        - $ref: "#/components/parameters/Limit"
        - {name: tag, in: query, schema: {type: array, items: {type: string}}}
        - {name: X-Shop, in: header, schema: {type: string}}
      responses: {200: {description: ok}}
    post:
      operationId: createOrder
      description: Place an order.
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
      responses: {201: {description: made}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {operationId: getOrder, summary: Show an order.}
    delete: {operationId: deleteOrder, summary: Remove an order.}
  /says/{kind}:
    get:
      operationId: say
      summary: Say something of a kind.
      parameters: [{name: kind, in: path, required: true, schema: {type: string}}]
"""


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


@dataclass
class Shop:
    """The API in a thread of its own; `asked` are the requests."""

    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    text: str = DOCUMENT

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._serve, args=(started,), daemon=True).start()
        assert started.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def document(self) -> str:
        return self.text.replace("BASE", self.url)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self.port = runner.addresses[0][1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method, request.raw_path, request.query_string, dict(request.headers), await request.text()
        )
        self.asked.append(asked)
        if request.path == "/v1/openapi.yaml":
            return web.Response(text=self.document)
        kind = request.path.rpartition("/")[2] if "/says/" in request.path else "json"
        answer: web.StreamResponse = await SAYINGS[kind](request, asked)
        return answer


async def _json(_: web.Request, asked: Asked) -> web.StreamResponse:
    return web.json_response(
        {"method": asked.method, "path": asked.path}, status=201 if asked.method == "POST" else 200
    )


async def _echo(_: web.Request, asked: Asked) -> web.StreamResponse:
    return web.Response(text=json.dumps(asked.headers) + asked.query, content_type="text/plain")


async def _hang(_: web.Request, __: Asked) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def _endless(request: web.Request, _: Asked) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b"[" * 65536)


async def _cut(request: web.Request, _: Asked) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


def _fixed(status: int, text: str = "", **fields: Any) -> Any:
    async def answer(_: web.Request, __: Asked) -> web.StreamResponse:
        return web.Response(status=status, text=text, **fields)

    return answer


async def _binary(_: web.Request, __: Asked) -> web.StreamResponse:
    return web.Response(body=b"\x89PNG" + bytes(100), content_type="image/png")


SAYINGS: dict[str, Any] = {
    "json": _json,
    "echo": _echo,
    "hang": _hang,
    "endless": _endless,
    "cut": _cut,
    "binary": _binary,
    "missing": _fixed(404, '{"detail": "There is none."}', content_type="application/json"),
    "broken": _fixed(500, "Trace"),
    "gateway": _fixed(502, "Bad gateway"),
    "moved": _fixed(302, headers={"Location": "http://169.254.169.254/latest"}),
    "nothing": _fixed(204),
    "junk": _fixed(200, "{", content_type="application/json"),
    "deep": _fixed(200, "[" * 100_000, content_type="application/json"),
    "charset": _fixed(200, "ü", content_type="text/plain", charset="latin-1"),
}
