"""Reads what happened (clients, PostgreSQL, the bills of model and tools) and says which promises were broken.

Every check is a function of the history that gives one line for each violation. None knows what harm was done, but when
processes were frozen or cut off: that explains a model call made twice.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any

from tests.chaos.client import ENDS, Record
from tests.chaos.history import ALLOWED, Event, Kept
from tests.chaos.script import call_of

CLOCKS_SECONDS = 0.5
"""How far PostgreSQL's time of a transaction and the outside world's time of a request may be apart."""
SETTLED = ("ModelAnswered", "ModelFailed", "ModelAbandoned")
PRICE_USD = (Decimal("0.25"), Decimal(2))
"""The list price of the model's name, gpt-5-mini, for a million tokens in and out."""
EXCUSES = ("AttemptLost", "AttemptHandedOver", "CancelRequested", "ModelFailed", "ModelAbandoned")


@dataclass
class History:
    """Everything that is known after a run. `cuts` are the times in which processes were frozen or cut off."""

    records: Sequence[Record]
    tasks: Mapping[str, Kept]
    charges: Sequence[Mapping[str, Any]]
    effects: Sequence[Mapping[str, Any]]
    cuts: Sequence[tuple[float, float]] = field(default_factory=list)

    def is_cut(self, at: float) -> bool:
        """Whether processes were frozen or cut off at that time, or a moment before or after."""
        return any(begin - 15 <= at <= end + 15 for begin, end in self.cuts)

    @cached_property
    def by_number(self) -> dict[int, list[Kept]]:
        found: dict[int, list[Kept]] = defaultdict(list)
        for kept in self.tasks.values():
            found[kept.number].append(kept)
        return found

    @cached_property
    def charge_of(self) -> dict[int, Mapping[str, Any]]:
        return {charge["call"]: charge for charge in self.charges}

    @cached_property
    def recorded_calls(self) -> Counter[int]:
        """The model calls whose answers stand in journals."""
        return Counter(
            call for kept in self.tasks.values() for event in kept.of("ModelAnswered") if (call := call_of(event.data))
        )


Check = Callable[[History], Iterator[str]]


def lost(history: History) -> Iterator[str]:
    """A task that was promised is not there."""
    for record in history.records:
        for task_id in record.task_ids:
            if task_id not in history.tasks:
                yield f"task {record.order.number}: {task_id} was promised and is not there"


def stuck(history: History) -> Iterator[str]:
    """A task has no final state, long after the last harm."""
    for task_id, kept in history.tasks.items():
        if not kept.is_final:
            yield f"task {kept.number}: {task_id} is {kept.row['status']} after {kept.row['attempts']} attempts"


def unanswered(history: History) -> Iterator[str]:
    """A client that retries with its key, or holds a promise, never saw the end."""
    for record in history.records:
        if record.has_vanished or record.has_ended or record.refusal:
            continue
        yield f"task {record.order.number}: the client never saw its end; answers {sorted(record.statuses)}"


def refused(history: History) -> Iterator[str]:
    """A good request was refused for what the client did."""
    for record in history.records:
        if record.refusal.startswith("4"):
            yield f"task {record.order.number}: refused with {record.refusal}"


def doubled(history: History) -> Iterator[str]:
    """One Idempotency-Key gave two tasks, or a request without one more tasks than it was sent."""
    for record in history.records:
        there = len(history.by_number.get(record.order.number, ()))
        if there > (1 if record.order.key else record.sent):
            yield f"task {record.order.number}: sent {record.sent} times, there are {there} tasks"


def moved_wrongly(history: History) -> Iterator[str]:
    """A task made a move that the state machine does not have, or changed after its end."""
    for task_id, kept in history.tasks.items():
        now: str | None = None
        for was, becomes, note, _ in kept.moves:
            if note or was != now or becomes not in ALLOWED.get(was, ()):
                yield f"task {kept.number}: {task_id} moved from {was} to {becomes} {note}".rstrip()
            now = becomes


def told_otherwise(history: History) -> Iterator[str]:
    """A client saw a final state that is not the one the task has."""
    for record in history.records:
        for final in record.finals:
            for task_id in record.task_ids:
                if kept := history.tasks.get(task_id):
                    true = (kept.row["status"], kept.row["exit_reason"], kept.row["result"])
                    if true != final:
                        yield f"task {record.order.number}: told {final[:2]}, is {true[:2]}"


def journals(history: History) -> Iterator[str]:
    """A journal has a gap, or does not go from TaskAccepted to one TaskEnded."""
    for kept in history.tasks.values():
        types = [event.type for event in kept.journal]
        seqs = [event.seq for event in kept.journal]
        if seqs != list(range(1, kept.row["last_seq"] + 1)):
            yield f"task {kept.number}: the journal has {seqs}, the task says {kept.row['last_seq']}"
        elif types[0] != "TaskAccepted" or (kept.is_final and types.index("TaskEnded") != len(types) - 1):
            yield f"task {kept.number}: the journal goes {types[0]} … {types[-1]}"


def steps_twice(history: History) -> Iterator[str]:
    """A recorded answer of a model or tool was asked for again, or one answer was recorded twice."""
    for kept in history.tasks.values():
        answers = Counter(
            (event.type, event.data["run"], event.data["step"], event.data.get("call_id") or event.data.get("purpose"))
            for event in kept.of("ModelAnswered", "ToolReturned")
        )
        for name, times in answers.items():
            if times > 1:
                yield f"task {kept.number}: {name} is recorded {times} times"
    for call, times in history.recorded_calls.items():
        if times > 1:
            yield f"model call {call} is recorded {times} times"


def asked_again(history: History) -> Iterator[str]:
    """A model or tool was asked for something when its answer had been recorded, and not by a process just woken up."""
    models = _last_asked(((each["label"], each["turn"]), each["began"]) for each in history.charges)
    tools = _last_asked(((each["tool"], each["name"]), each["at"]) for each in history.effects)
    for kept in history.tasks.values():
        arguments = {
            (event.data["run"], event.data["step"], event.data["call"]["id"]): event.data["call"]["arguments"]
            for event in kept.of("ToolCalled")
        }
        for event in kept.of("ModelAnswered"):
            charge = history.charge_of.get(call_of(event.data) or 0)
            if charge and _is_late(history, event, models[charge["label"], charge["turn"]]):
                yield f"task {kept.number}: the model was asked again for step {charge['label']}/{charge['turn']}"
        for event in kept.of("ToolReturned"):
            place = (event.data["run"], event.data["step"], event.data["call_id"])
            name = json.loads(arguments.get(place, "{}")).get("name", "")
            if _is_late(history, event, tools.get((event.data["tool"], name), 0)):
                yield f"task {kept.number}: {event.data['tool']} was asked again for {name}"


def _is_late(history: History, recorded: Event, asked: float) -> bool:
    # Who was frozen, or cut off from PostgreSQL, has not heard yet that another went on; it can write nothing.
    return asked > recorded.at.timestamp() + CLOCKS_SECONDS and not history.is_cut(asked)


def _last_asked(asked: Iterable[tuple[tuple[str, str], float]]) -> dict[tuple[str, str], float]:
    last: dict[tuple[str, str], float] = {}
    for name, at in asked:
        last[name] = max(at, last.get(name, 0))
    return last


def effects_twice(history: History) -> Iterator[str]:
    """An unsafe tool was asked twice for one thing, or an idempotent one under two keys."""
    unsafe = Counter(effect["name"] for effect in history.effects if effect["tool"] == "pay")
    for name, times in unsafe.items():
        if times > 1:
            yield f"unsafe effect {name} happened {times} times"
    keys: dict[str, set[str]] = defaultdict(set)
    for effect in history.effects:
        if effect["tool"] == "put":
            keys[effect["name"]].add(effect["key"])
    for name, given in keys.items():
        if len(given) > 1:
            yield f"idempotent effect {name} was asked for under the keys {sorted(given)}"


def misbilled(history: History) -> Iterator[str]:
    """What a task says it used is not what its journal says, or that is not what the provider charged."""
    for kept in history.tasks.values():
        answers = kept.of("ModelAnswered")
        usage = [event.data["usage"] for event in answers]
        told = {
            "input_tokens": sum(each["input_tokens"] for each in usage),
            "output_tokens": sum(each["output_tokens"] for each in usage),
            "model_calls": len(answers),
            "tool_calls": len(kept.of("ToolCalled")),
            "cost_usd": sum((Decimal(event.data["cost_usd"]) for event in kept.of(*SETTLED)), Decimal(0)),
        }
        for name, value in told.items():
            if kept.is_final and kept.row[name] != value:
                yield f"task {kept.number}: {name} is {kept.row[name]}, the journal says {value}"
        if kept.ledger_usd != kept.row["cost_usd"] and kept.is_final:
            yield f"task {kept.number}: it cost {kept.row['cost_usd']}, the ledger says {kept.ledger_usd}"
        for event in answers:
            charge = history.charge_of.get(call_of(event.data) or 0)
            if charge is None:
                yield f"task {kept.number}: an answer is recorded that no model gave"
            elif event.data["usage"] != {name: charge[name] for name in ("input_tokens", "output_tokens")}:
                yield f"task {kept.number}: call {charge['call']} is recorded with other tokens than were charged"


def underbilled(history: History) -> Iterator[str]:
    """The provider charged more for a task than its client was billed: what is unknown costs what was reserved."""
    charged: dict[int, Decimal] = defaultdict(Decimal)
    for charge in history.charges:
        price = PRICE_USD[0] * charge["input_tokens"] + PRICE_USD[1] * charge["output_tokens"]
        charged[int(charge["label"].partition(".")[0])] += price / 1_000_000
    for number, tasks in history.by_number.items():
        billed = sum((kept.row["cost_usd"] for kept in tasks), Decimal(0))
        if charged[number] > billed and all(kept.is_final for kept in tasks):
            yield f"task {number}: the provider charged {charged[number]}, the client was billed {billed}"


def unexplained(history: History) -> Iterator[str]:
    """A whole answer was charged and is in no journal, though nothing was lost that explains it."""
    for charge in history.charges:
        if not charge["is_whole"] or charge["call"] in history.recorded_calls:
            continue
        tasks = history.by_number.get(int(charge["label"].partition(".")[0]), [])
        is_excused = any(kept.of(*EXCUSES) or kept.row["exit_reason"] == "timed_out" for kept in tasks)
        if not is_excused and not history.is_cut(charge["began"]):
            yield f"model call {charge['call']} for step {charge['label']}/{charge['turn']} was charged for nothing"


def streams(history: History) -> Iterator[str]:
    """A stream went back, repeated itself, or its last step's text is not the result."""
    for record in history.records:
        number, frames = record.order.number, record.frames
        places = [frame.position for frame in frames]
        if any(later <= earlier for earlier, later in pairwise(places)):
            yield f"task {number}: the stream's ids go {places}"
        if not frames or frames[-1].name not in ENDS:
            continue
        text = ""
        for frame in frames:
            if frame.data["agent"] != record.order.agent:
                continue
            if frame.name in ("step.started", "step.restarted"):
                text = ""
            text += frame.data["text"] if frame.name == "text.delta" else ""
        ended = frames[-1].data["task"]
        if ended["status"] == "completed" and text != ended["result"]:
            yield f"task {number}: the stream's text is {text!r}, the result {ended['result']!r}"


CHECKS: tuple[Check, ...] = (
    lost, stuck, unanswered, refused, doubled, moved_wrongly, told_otherwise, journals, steps_twice, asked_again,
    effects_twice, misbilled, underbilled, unexplained, streams,
)  # fmt: skip


def violations(history: History) -> dict[str, list[str]]:
    """Every promise with what broke it."""
    return {check.__name__: list(check(history)) for check in CHECKS}


def facts(history: History) -> dict[str, Any]:
    """Figures that say what the run was like."""
    tasks = list(history.tasks.values())
    ends = Counter(f"{kept.row['status']}/{kept.row['exit_reason']}" for kept in tasks)
    whole = [charge for charge in history.charges if charge["is_whole"]]
    return {
        "clients": len(history.records),
        "clients_promised": sum(record.is_accepted for record in history.records),
        "clients_without_answer_and_key": sum(bool(record.refusal) for record in history.records),
        "tasks": len(tasks),
        "ends": dict(ends.most_common()),
        "modes": dict(Counter(kept.row["mode"] for kept in tasks)),
        "attempts": dict(sorted(Counter(kept.row["attempts"] for kept in tasks).items())),
        "attempts_lost": sum(len(kept.of("AttemptLost")) for kept in tasks),
        "attempts_handed_over": sum(len(kept.of("AttemptHandedOver")) for kept in tasks),
        "outcomes_asked": sum(len(kept.of("OutcomeUnknown")) for kept in tasks),
        "requests_sent_again": sum(record.sent - 1 for record in history.records),
        "streams_resumed": sum(record.resumed for record in history.records),
        "journal_events": sum(len(kept.journal) for kept in tasks),
        "model_calls_charged": len(history.charges),
        "model_answers_whole": len(whole),
        "model_answers_recorded": sum(history.recorded_calls.values()),
        "tokens_charged": sum(each["input_tokens"] + each["output_tokens"] for each in whole),
        "tokens_recorded": sum(kept.row["input_tokens"] + kept.row["output_tokens"] for kept in tasks),
        "billed_usd": str(sum((kept.row["cost_usd"] for kept in tasks), Decimal(0))),
        "tool_requests": dict(Counter(effect["tool"] for effect in history.effects)),
    }
