"""OpenAI's chat completions on the wire: what the scripted model reads, and how it writes an answer down."""

import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from tests.answers import Answer


class Request:
    """One call as the provider saw it."""

    def __init__(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.body = body
        self.headers = headers
        self.abandoned = threading.Event()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages", []))

    @property
    def is_streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def tools(self) -> list[str]:
        """Names of the tools offered to the model."""
        return [tool["function"]["name"] for tool in self.body.get("tools", [])]

    @property
    def question(self) -> str:
        """The last user message."""
        return next((_content(each) for each in reversed(self.messages) if each["role"] == "user"), "")

    @property
    def transcript(self) -> str:
        """All messages as one text."""
        return "\n".join(_content(each) for each in self.messages)

    @property
    def heard(self) -> str:
        """What the tools of the last call gave, one after the other."""
        since = max((index for index, each in enumerate(self.messages) if each["role"] == "assistant"), default=0)
        return "\n".join(_content(each) for each in self.messages[since:] if each["role"] == "tool")

    def was_abandoned(self, *, within: float = 5) -> bool:
        """Whether the caller closes its connection before the answer is complete; waits for that so many seconds."""
        return self.abandoned.wait(within)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def fault(body: Mapping[str, Any]) -> str:
    """Why OpenAI would answer 400, or nothing."""
    for name in ("model", "messages"):
        if not body.get(name):
            return f"Missing required parameter: '{name}'."
    if str(body["model"]).startswith("gpt-5"):
        if "max_tokens" in body:
            return "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        if body.get("temperature", 1) != 1:
            return "Unsupported value: 'temperature' does not support this value with this model; only 1 is supported."
    asked: set[str] = set()
    for message in body["messages"]:
        asked |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message.get("tool_call_id") not in asked:
            return "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
    return ""


def within_limit(answer: Answer, request: Request) -> Answer:
    """The answer, cut at the tokens that the request allows."""
    limit = request.body.get("max_completion_tokens") or request.body.get("max_tokens")
    words = re.findall(r"\s*\S+", answer.text)
    if limit is None or len(words) <= limit:
        return answer
    return Answer("".join(words[:limit]), finish_reason="length")


def completion(request: Request, answer: Answer) -> dict[str, Any]:
    """The whole answer as one object."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.tool_calls:
        message["tool_calls"] = _tool_calls(request, answer)
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(answer)}
    return {**_envelope(request, "chat.completion"), "choices": [choice], "usage": _usage(request, answer)}


def chunks(request: Request, answer: Answer) -> Iterator[dict[str, Any]]:
    """The answer as streamed objects: the role, one a piece, the reason it ends, and the usage if it was asked for."""
    counts_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
    base = _envelope(request, "chat.completion.chunk") | ({"usage": None} if counts_usage else {})

    def chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    yield chunk({"role": "assistant", "content": ""})
    yield from map(chunk, _deltas(request, answer))
    yield chunk({}, _finish_reason(answer))
    if counts_usage:
        yield {**base, "choices": [], "usage": _usage(request, answer)}


def _deltas(request: Request, answer: Answer) -> list[dict[str, Any]]:
    words = answer.chunks if answer.chunks is not None else re.findall(r"\s*\S+", answer.text)
    deltas: list[dict[str, Any]] = [{"content": word} for word in words]
    for index, call in enumerate(_tool_calls(request, answer)):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]})
        halves = arguments[:5], arguments[5:]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": half}}]} for half in halves]
    return deltas


def _usage(request: Request, answer: Answer) -> dict[str, int]:
    made = [answer.text, *(f"{call.name} {call.arguments}" for call in answer.tool_calls)]
    counts = len(request.transcript.split()), sum(len(each.split()) for each in made)
    return {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)}


def _finish_reason(answer: Answer) -> str:
    return answer.finish_reason or ("tool_calls" if answer.tool_calls else "stop")


def _tool_calls(request: Request, answer: Answer) -> list[dict[str, Any]]:
    """With ids that are new in their conversation, and the same in each run."""
    number = sum(len(message.get("tool_calls") or ()) for message in request.messages)
    return [
        {"id": f"call_{place}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for place, call in enumerate(answer.tool_calls, start=number + 1)
    ]


def _envelope(request: Request, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1_700_000_000, "model": request.body["model"]}
