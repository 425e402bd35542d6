"""What an agent that is a function asked for and heard, in the order of the journal: enough to bring it back to where it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.engine.referrals import name_of
from agents.engine.types import Message, ToolCall

Kind = Literal["model", "tool", "delegate", "step"]
CALL_ID = "ask-{}"


@dataclass(frozen=True, slots=True)
class Asked:
    """The function's call number `number`, from 1, and what it is about."""

    number: int
    kind: Kind
    what: Mapping[str, Any]

    @property
    def call(self) -> ToolCall:
        """The call of a tool, or of another agent, that this is to the engine."""
        if self.kind == "delegate":
            arguments = json.dumps({"task": self.what["task"]}, ensure_ascii=False)
            return ToolCall(CALL_ID.format(self.number), name_of("ask", self.what["agent"]), arguments)
        arguments = json.dumps(self.what["arguments"], ensure_ascii=False)
        return ToolCall(CALL_ID.format(self.number), self.what["tool"], arguments)

    @property
    def messages(self) -> tuple[Message, ...]:
        """What a model is to read."""
        return tuple(Message(each["role"], each["content"]) for each in self.what["messages"])


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a call."""

    number: int
    output: Any
    is_error: bool = False


Script = tuple[Asked | Heard, ...]


def with_result(script: Script, call_id: str, output: str, *, is_error: bool) -> Script:
    """The script after a tool or another agent answered."""
    asked = next((each for each in script if isinstance(each, Asked) and CALL_ID.format(each.number) == call_id), None)
    return (*script, Heard(asked.number, output, is_error)) if asked else script


def open_asks(script: Script, kind: Kind) -> list[Asked]:
    """The calls of this kind that nothing was heard of yet."""
    heard = {each.number for each in script if isinstance(each, Heard)}
    return [each for each in script if isinstance(each, Asked) and each.kind == kind and each.number not in heard]
