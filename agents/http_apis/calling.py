"""Calling an operation: one request by the platform's way out, and its answer in words."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import orjson

from agentplatform import credentials
from agents.egress import client as egress
from agents.egress.client import Answer, Limits
from agents.egress.errors import EgressError, Refused, Unusable
from agents.http_apis import requests
from agents.http_apis.spec import ApiSpec
from agents.tools.tool import CallContext, ToolError, Unanswered
from agents.toolsets.redacting import without

MAX_REPLY_BYTES = 1024 * 1024
# Of a gateway: whether the API behind it did what was asked is not known.
UNSURE = (408, 502, 504, 524)
TEXTS = (
    "text/",
    "application/xml",
    "application/xhtml",
    "application/yaml",
    "application/x-ndjson",
    "application/javascript",
)


async def call(
    spec: ApiSpec, details: Mapping[str, Any], arguments: Mapping[str, Any], context: CallContext, *, is_safe: bool
) -> str:
    """What the API answers: its status, and the body as text. `is_safe`: it may be called again.

    Raises ToolError for a refusal, Unanswered when nobody knows what became of the call.
    """
    try:
        added = spec.additions()
    except credentials.CannotOpen as error:
        raise ToolError(
            f"The API {spec.name} cannot be called: an operator has to enter its credentials anew."
        ) from error
    if spec.idempotency_header:
        added = replace(added, headers={**added.headers, spec.idempotency_header: _key(context)})
    request = requests.made(spec.base_url, details, arguments, added)
    limits = Limits(total_seconds=spec.call_seconds, max_bytes=MAX_REPLY_BYTES, max_redirects=0)
    try:
        answer = await egress.request(
            request.method, request.url, headers=request.headers, body=request.body, limits=limits
        )
    except (Refused, Unusable) as error:
        raise ToolError(without(added.secrets, f"The API {spec.name} cannot be called: {error}")) from error
    except EgressError as error:
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            raise ToolError(f"The API {spec.name} cannot be reached.") from error
        raise Unanswered(f"The API {spec.name} did not answer, or broke its answer off.") from error
    told = without(added.secrets, _told(answer))
    if answer.status in UNSURE and not is_safe:
        raise Unanswered(told)
    if answer.status >= 400:
        raise ToolError(told)
    return told


def _key(context: CallContext) -> str:
    """The same for the same call, in characters that every header takes."""
    return hashlib.sha256(context.idempotency_key.encode()).hexdigest()[:32]


def _told(answer: Answer) -> str:
    parts = [f"HTTP {answer.told}"]
    if 300 <= answer.status < 400 and (place := answer.headers.get("Location")):
        parts.append(f"It redirects to {place[:500]}, which is not followed.")
    if answer.body:
        parts.append(_body(answer))
    if answer.is_cut:
        parts.append(f"[The answer was cut here: it is longer than {MAX_REPLY_BYTES // 1024**2} MiB.]")
    return "\n".join(parts)


def _body(answer: Answer) -> str:
    kind = answer.content_type
    is_json = kind == "application/json" or kind.endswith("+json") or not kind
    if is_json and not answer.is_cut:
        try:
            return orjson.dumps(orjson.loads(answer.body)).decode()
        except ValueError:
            pass  # it is something else than it says
    if is_json or kind.startswith(TEXTS) or kind.endswith("+xml"):
        try:
            return answer.body.decode(answer.charset or "utf-8", errors="replace")
        except LookupError:
            return answer.body.decode(errors="replace")
    return f"[{len(answer.body)} bytes of {kind[:100]} are left out, for only text can be read here.]"
