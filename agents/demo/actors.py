"""Models and tools as the demo has them: what they answer, how long they take, and how they fail."""

import json
import random
from dataclasses import dataclass, field

from agents.demo import texts
from agents.demo.stage import FIND, MODEL, REFUND
from agents.engine import events as e
from agents.engine.budget import cost, worst_case
from agents.engine.effects import CallModel, CallTool, Outside
from agents.engine.state import State
from agents.engine.types import ToolCall, Usage

ANSWERS_AS = f"{MODEL}-2025-08-07"
BUSY = "The provider answered 503: it is overloaded."
USES = {
    "calculator": ({"expression": "1840 * 0.19"}, "349.6"),
    "current_time": ({"timezone": "Europe/Berlin"}, "2026-11-20T09:14:05+01:00, Friday"),
    "run_python": ({"code": "print(sorted([42, 17, 23])[1])"}, "23\n"),
    "web_search": ({"query": "packaging directive deadline"}, "1. Deadline moved to spring (https://news.example/deadline)"),
    "knowledge_search": ({"query": "return policy"}, "[House rules, p. 2] Goods go back within thirty days."),
    FIND: ({"order": "A-2041"}, '{"order": "A-2041", "paid_usd": 74.5, "state": "delivered"}'),
    REFUND: ({"order": "A-2041", "usd": 74.5}, '{"refunded_usd": 74.5}'),
}  # fmt: skip


@dataclass
class Actors:
    """Everything outside of one task. What a story needs of them is set before it is played."""

    dice: random.Random
    tools: list[str] = field(default_factory=list)
    """To be called, one after the other, before the root answers."""
    busy: int = 0
    """How often the provider fails before it answers."""
    is_broken: bool = False
    tools_fail: bool = False
    hangs: bool = False
    route: str = ""
    parts: int = 3
    remarks: int = 0
    """How often the reviewer asks for changes."""
    sentences: int = 6
    reply: str = ""
    """What is answered in place of something made up."""
    rule: str = ""
    """What the output guard finds in the answer."""

    def answer(self, state: State, effect: Outside) -> tuple[float, e.Event]:
        """How long the call takes, and what comes of it."""
        return self._tool(effect) if isinstance(effect, CallTool) else self._model(state, effect)

    def _tool(self, effect: CallTool) -> tuple[float, e.Event]:
        output = USES.get(effect.call.name, ({}, "Done."))[1]
        told = "The tool cannot be reached now." if self.tools_fail else output
        returned = e.ToolReturned(
            run=effect.run,
            step=effect.step,
            call_id=effect.call.id,
            tool=effect.call.name,
            output=told,
            is_error=self.tools_fail,
        )
        return self.dice.uniform(0.05, 0.9), returned

    def _model(self, state: State, effect: CallModel) -> tuple[float, e.Event]:
        if self.hangs:
            return 1e6, self._failed(effect, is_retryable=True)
        if self.is_broken or self.busy:
            self.busy = max(0, self.busy - 1)
            return self.dice.uniform(0.2, 1.5) + effect.wait_seconds, self._failed(
                effect, is_retryable=not self.is_broken
            )
        text, calls = self._reply(state, effect)
        read = sum(len(message.content) for message in effect.messages) // 4 + 40 + 60 * len(effect.functions)
        written = (len(text) + sum(len(call.arguments) for call in calls)) // 4 + self.dice.randrange(20, 240)
        usage = Usage(read, written)
        answered = e.ModelAnswered(
            run=effect.run,
            step=effect.step,
            purpose=effect.purpose,
            model=ANSWERS_AS,
            text=text,
            tool_calls=calls,
            usage=usage,
            cost_usd=cost(effect.model.price, usage),
            reserved_usd=worst_case(effect),
            guard_rule=self.rule if effect.run == e.ROOT and not calls else "",
        )
        return effect.wait_seconds + min(40.0, self.dice.lognormvariate(0.6, 0.6)), answered

    def _failed(self, effect: CallModel, *, is_retryable: bool) -> e.ModelFailed:
        return e.ModelFailed(
            run=effect.run,
            step=effect.step,
            purpose=effect.purpose,
            message=BUSY if is_retryable else "The provider answered 400: the request is not valid.",
            is_retryable=is_retryable,
            model=effect.model.name,
            reserved_usd=worst_case(effect),
        )

    def _reply(self, state: State, effect: CallModel) -> tuple[str, tuple[ToolCall, ...]]:
        match effect.purpose:
            case "plan":
                return json.dumps([texts.task(self.dice) for _ in range(self.parts)]), ()
            case "route":
                return self.route, ()
            case "review":
                self.remarks, left = self.remarks - 1, self.remarks
                told = self.dice.choice(texts.REMARKS) if left > 0 else ""
                return json.dumps({"approved": left <= 0, "remarks": told}), ()
        if self.tools and effect.run == e.ROOT and effect.functions:
            name = self.tools.pop(0)
            call_id = f"call_{self.dice.getrandbits(64):016x}"
            return "", (ToolCall(call_id, name, json.dumps(USES.get(name, ({}, ""))[0])),)
        return self.reply or texts.answer(self.dice, self.sentences), ()
