"""The model provider, through the openai package's chat completions. The only file that imports openai."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
import httpx2
import openai
from django.conf import settings
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from agentplatform import metrics
from agents import breaker, cutoff, refusals
from agents.engine.effects import CallModel
from agents.engine.types import Message, ToolCall, Usage

OPENAI = (
    "https://api.openai.com/v1"  # named here: an empty OPENAI_BASE_URL in the environment would mislead the package
)
COMPLETIONS = "/chat/completions"
"""The package's own method for it walks through all of a request first, to rename nothing: more than half of a call's time."""
NOWHERE = "http://127.0.0.1:1/v1"
MODEL_NAME_CHARACTERS = 200
MOST_TOKENS = 10**9
UNUSED = Usage()
# A proxy's answers: whether the model behind it went on is not known, and may be charged.
UNSURE = (408, 502, 504, 524)
OnText = Callable[[str], None]

# What an answer of the wrong form turns into where it is parsed or taken apart.
UNREADABLE = (
    openai.OpenAIError, ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError, RecursionError,
)  # fmt: skip
REACH_SECONDS = 2

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, openai.AsyncOpenAI] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `model` is the name the provider gives to what answered, `id` and `finish_reason` are its words as well."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    usage: Usage
    model: str
    id: str = ""
    finish_reason: str = ""


class ModelError(Exception):
    """The provider gave no usable answer. The message is for clients: it names no host, key or trace.

    `is_retryable`: asked again, the same model may answer; not before `retry_after_seconds`, where the provider says so.
    `usage`: the tokens that the call is paid for; None when nobody knows.
    """

    def __init__(
        self,
        message: str,
        *,
        is_retryable: bool,
        retry_after_seconds: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable
        self.retry_after_seconds = retry_after_seconds
        self.usage = usage


class NotAsked(ModelError):
    """The provider is left alone for a while, so the call was not made."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message, is_retryable=True, retry_after_seconds=retry_after_seconds, usage=UNUSED)


class Outage(ModelError):
    """The provider is ill, whatever it was asked: unreachable, silent, broken, or talking nonsense. The breaker counts these."""

    def __init__(
        self,
        message: str,
        *,
        is_retryable: bool = True,
        retry_after_seconds: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message, is_retryable=is_retryable, retry_after_seconds=retry_after_seconds, usage=usage)


def client() -> openai.AsyncOpenAI:
    """The running loop's client. It makes each call once: retries are the engine's, so that the journal shows them."""
    loop = asyncio.get_running_loop()
    if (found := _clients.get(loop)) is None:
        found = _clients[loop] = openai.AsyncOpenAI(
            api_key=settings.OPENAI_API_KEY or "none",
            base_url=base_url(),
            timeout=openai.Timeout(settings.MODEL_TIMEOUT_SECONDS, connect=5),
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultAioHttpClient(
                limits=openai.DEFAULT_CONNECTION_LIMITS,
                event_hooks={"response": [cutoff.measure]},
            ),
        )
    return found


async def call(effect: CallModel, *, on_text: OnText | None = None) -> Reply:
    """Ask the model, once; with `on_text` the answer is streamed and handed over piece by piece. Raises ModelError."""
    try:
        with breaker.of(base_url()).guard(Outage):
            reply = await _asked(effect, on_text)
    except breaker.Open as circuit:
        metrics.breaker_refused_total.labels(breaker.label(base_url())).inc()
        message = f"The model provider keeps failing; it is asked again in {max(1, round(circuit.seconds_left))} s."
        raise NotAsked(message, retry_after_seconds=circuit.seconds_left) from circuit
    if not reply.text and not reply.tool_calls:
        raise ModelError("The model gave an empty answer.", is_retryable=True, usage=reply.usage)
    return reply


async def _asked(effect: CallModel, on_text: OnText | None) -> Reply:
    """The reply as it came, in MODEL_TIMEOUT_SECONDS over all. Raises ModelError, Outage where the provider is to blame."""
    try:
        async with asyncio.timeout(settings.MODEL_TIMEOUT_SECONDS):
            return await (_whole(effect) if on_text is None else _streamed(effect, on_text))
    except ModelError:
        raise
    except (openai.APITimeoutError, TimeoutError) as error:
        raise Outage("The model did not answer in time.", usage=UNUSED if _was_never_sent(error) else None) from error
    except cutoff.TooSlow as error:
        raise Outage(str(error)) from error
    except cutoff.CutOff as error:
        raise ModelError(str(error), is_retryable=False) from error
    except openai.APIStatusError as error:
        raise _refused(error.status_code, error.response.headers) from error
    except openai.APIConnectionError as error:
        usage = UNUSED if _was_never_sent(error) else None
        raise Outage("The model provider cannot be reached.", usage=usage) from error
    except UNREADABLE as error:
        raise Outage("The model provider's answer cannot be read.") from error
    except Exception as error:
        # A connection cut mid-answer surfaces as the transport's own error, under several names.
        raise Outage("The connection to the model broke.") from error


def _refused(status: int, headers: Mapping[str, str]) -> ModelError:
    """An HTTP error as ours. A 429 or any other 4xx is an answer of a provider that is well; the breaker does not count it."""
    kind = Outage if status >= 500 else ModelError
    return kind(
        f"The model provider answered {status}.",
        is_retryable=refusals.is_passing(status, headers),
        retry_after_seconds=refusals.retry_after_seconds(headers),
        usage=None if status in UNSURE else UNUSED,
    )


def _was_never_sent(error: BaseException) -> bool:
    """Whether no connection came about, so that the provider cannot have heard the call."""
    cause = error.__cause__
    # The transport calls every connection that broke a ConnectTimeout; aiohttp's own error says when it broke.
    origin = cause.__cause__ if cause else None
    never_connected = aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
    return isinstance(cause, httpx2.PoolTimeout) or isinstance(origin, never_connected)


def base_url() -> str:
    """Where the provider is asked."""
    return settings.OPENAI_BASE_URL or (NOWHERE if settings.MODEL_IS_EMBEDDED else OPENAI)


def is_left_alone() -> bool:
    """Whether this process's calls have failed so often that they are not made now."""
    return breaker.of(base_url()).is_open


async def is_reachable() -> bool:
    """Whether the provider answers at all, in time; a refusal is an answer."""
    try:
        async with asyncio.timeout(REACH_SECONDS):
            await client().models.list()
    except openai.APIStatusError:
        return True
    except (*UNREADABLE, cutoff.CutOff, TimeoutError):
        return False
    return True


async def _whole(effect: CallModel) -> Reply:
    completion: Any = await client().post(COMPLETIONS, cast_to=ChatCompletion, body=_request(effect))
    message = completion.choices[0].message
    calls = tuple(_tool_call(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    text = _storable(message.content or "")
    reason = completion.choices[0].finish_reason
    usage, model = _usage(completion.usage, effect, text), _model(completion.model, effect)
    return Reply(text, calls, usage, model, _word(completion.id), _word(reason))


async def _streamed(effect: CallModel, on_text: OnText) -> Reply:
    pieces: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    usage, model, named, reason, is_begun = None, effect.model.name, "", "", False
    body = {**_request(effect), "stream": True, "stream_options": {"include_usage": True}}
    stream = await client().post(
        COMPLETIONS,
        cast_to=ChatCompletionChunk,
        body=body,
        stream=True,
        stream_cls=openai.AsyncStream[ChatCompletionChunk],
    )
    async with stream:
        async for chunk in stream:
            is_begun, usage, model, named = True, chunk.usage or usage, chunk.model or model, chunk.id or named
            for choice in chunk.choices:
                reason = choice.finish_reason or reason
                if piece := _storable(choice.delta.content or ""):
                    pieces.append(piece)
                    on_text(piece)
                for part in choice.delta.tool_calls or ():
                    call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                    call["id"] = part.id or call["id"]
                    if part.function:
                        call["name"] += part.function.name or ""
                        call["arguments"] += part.function.arguments or ""
    if not is_begun:
        raise Outage("The model provider's answer cannot be read.")
    if not reason:
        raise Outage("The model's answer broke off.")
    text = "".join(pieces)
    made = tuple(_tool_call(call["id"], call["name"], call["arguments"]) for _, call in sorted(calls.items()))
    return Reply(text, made, _usage(usage, effect, text), _model(model, effect), _word(named), _word(reason))


def _request(effect: CallModel) -> dict[str, Any]:
    request: dict[str, Any] = {
        **effect.agent.model_settings,  # first: what the platform sets is not theirs to change
        "model": effect.model.name,
        "messages": [_message(message) for message in effect.messages],
        "max_completion_tokens": effect.max_output_tokens,
    }
    if effect.agent.temperature is not None:
        request["temperature"] = effect.agent.temperature
    if effect.functions:
        request["tools"] = [function.schema for function in effect.functions]
    if effect.output_schema is not None:
        schema = {"name": "result", "schema": effect.output_schema, "strict": False}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return request


def _message(message: Message) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        sent["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _tool_call(call_id: str | None, name: str | None, arguments: str | None) -> ToolCall:
    return ToolCall(_storable(call_id or "call"), _storable(name or ""), _storable(arguments or "{}"))


def _word(told: object) -> str:
    return _storable(str(told or ""))[:MODEL_NAME_CHARACTERS]


def _model(name: object, effect: CallModel) -> str:
    return _storable(str(name or effect.model.name))[:MODEL_NAME_CHARACTERS]


def _storable(text: str) -> str:
    """The text without what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def _usage(usage: Any, effect: CallModel, text: str) -> Usage:
    """The provider's count; where it gives none, four bytes a token."""
    if usage is not None and usage.prompt_tokens is not None:
        counted = (int(usage.prompt_tokens), int(usage.completion_tokens or 0))
        if max(counted) > MOST_TOKENS:
            raise ValueError("No call takes so many tokens.")
        return Usage(max(0, counted[0]), max(0, counted[1]))
    sent = sum(len(message.content.encode()) for message in effect.messages)
    return Usage(-(-sent // 4), -(-len(text.encode()) // 4))
