"""What a version of an agent says, field by field, checked alike at every door: the console, files, and code.

Each field's `description` says what it takes, and is what people are told who sent something else.
"""

import json
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Literal, LiteralString

from django.conf import settings
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
)
from pydantic_core import PydanticCustomError

from agentplatform.errors import FieldError
from agents.engine.json_schema import schema_fault
from agents.engine.types import MAX_FUNCTIONS
from agents.models import AgentVersion
from agents.tools import registry

MAX_INSTRUCTIONS = 100_000
MAX_NAMES = 64
MAX_OTHER_AGENTS = 20
MAX_SHOWN = 50
MAX_FALLBACKS = 5
MAX_TOPICS = 20
MODEL_NAME_CHARACTERS = 200
MAX_SCHEMA_BYTES = 32 * 1024
MAX_DEPTH = 64
MOST_COST_USD = 1000
APPROVAL_TOOL = re.compile(r"[A-Za-z0-9_*-]{1,128}")


class _Everything(tuple[str, ...]):
    """Holds every name: for a check of the form alone."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING = _Everything()


@dataclass(frozen=True, slots=True)
class Known:
    """What an agent may name: tools, and the other agents."""

    slug: str = ""
    tools: Collection[str] = field(default_factory=tuple)
    agents: Collection[str] = field(default_factory=tuple)


def _fault(message: LiteralString, **values: object) -> PydanticCustomError:
    """What is told as it is."""
    return PydanticCustomError("fault", message, values)


def _text(value: str) -> str:
    """The text as every door keeps it: with one kind of line break, and without what frames it."""
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n" for character in text):
        raise _fault("No control characters but tab and line breaks.")
    if not text:
        raise _fault("It may not be empty.")
    return text


def _model_name(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise _fault("A model's name has no spaces around it and no control characters.")
    return name


def _once(names: list[str]) -> list[str]:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise _fault("Name each once; {name} is there twice.", name=repr(twice))
    return names


def _tools(names: list[str], info: ValidationInfo) -> list[str]:
    if (count := len(registry.allowed(_known(names, _around(info).tools, "tool")))) > MAX_FUNCTIONS:
        raise _fault("These are {count} tools; a model takes at most {limit}.", count=count, limit=MAX_FUNCTIONS)
    return names


def _approval_tools(names: list[str], info: ValidationInfo) -> list[str]:
    """Each has to mean something: a person who is to be asked and never is would be no guard."""
    if (entries := info.data.get("tools")) is None:
        return names
    known = registry.allowed(entries)
    for name in names:
        if not APPROVAL_TOOL.fullmatch(name):
            raise _fault("{name} is neither a tool's name nor a pattern such as github__delete_*.", name=repr(name))
        if _around(info).tools is not EVERYTHING and not any(registry.is_named(tool, [name]) for tool in known):
            there_are = ", ".join(known[:MAX_SHOWN]) or "none"
            raise _fault("{name} is none of its tools; there are: {there_are}.", name=repr(name), there_are=there_are)
    return names


def _agents(names: list[str], info: ValidationInfo) -> list[str]:
    around = _around(info)
    if around.slug in names:
        raise _fault("An agent cannot name itself; name other agents.")
    return _known(names, around.agents, "agent")


def _known(names: list[str], known: Collection[str], kind: str) -> list[str]:
    there_are = ", ".join(sorted(known)[:MAX_SHOWN]) + (", …" if len(known) > MAX_SHOWN else "") or "none"
    if unknown := [name for name in names if name not in known]:
        named = ", ".join(map(repr, unknown))
        raise _fault("There is no {kind} {named}; there are: {there_are}.", kind=kind, named=named, there_are=there_are)
    return names


def _around(info: ValidationInfo) -> Known:
    return info.context if isinstance(info.context, Known) else Known()


def _fallbacks(names: list[str], info: ValidationInfo) -> list[str]:
    if (info.data.get("model") or settings.AGENT_MODEL) in names:
        raise _fault("It falls back to itself: name other models than the agent's own.")
    return names


def _json_value(value: object, depth: int = 0) -> object:
    """The value, when a store takes it. Raises PydanticCustomError."""
    if depth > MAX_DEPTH:
        raise _fault("At most {limit} levels deep.", limit=MAX_DEPTH)
    match value:
        case None | bool() | int():
            pass
        case float():
            if not math.isfinite(value):
                raise _fault("JSON knows neither NaN nor infinity.")
        case str():
            if any(unicodedata.category(character) == "Cs" or character == "\x00" for character in value):
                raise _fault("No NUL characters and no halves of surrogate pairs.")
        case list():
            for item in value:
                _json_value(item, depth + 1)
        case dict():
            for name, item in value.items():
                if not isinstance(name, str):
                    raise _fault("Names in it are text; put {name} in quotes.", name=repr(name))
                _json_value(name, depth + 1)
                _json_value(item, depth + 1)
        case _:
            raise _fault("{value} is nothing that JSON has; put it in quotes.", value=repr(value))
    return value


def _schema(value: object) -> object:
    if not isinstance(value, dict):
        return value
    _json_value(value)
    if len(json.dumps(value).encode()) > MAX_SCHEMA_BYTES:
        raise _fault("At most {limit} bytes as JSON.", limit=MAX_SCHEMA_BYTES)
    if fault := schema_fault(value):
        raise _fault("This is no JSON Schema: {fault}.", fault=fault[:300])
    return value


def _usd(value: object) -> object:
    """The exact amount, where the text or number is one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _stops(value: object) -> object:
    return [value] if isinstance(value, str) else value


Agents = Annotated[list[str], Field(max_length=MAX_OTHER_AGENTS), AfterValidator(_once), AfterValidator(_agents)]
ModelName = Annotated[str, Field(min_length=1, max_length=MODEL_NAME_CHARACTERS), AfterValidator(_model_name)]
Topic = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_text)]
Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number)]
Usd = Annotated[Decimal, BeforeValidator(_usd), Field(gt=0, le=MOST_COST_USD, decimal_places=6)]
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelSettings(BaseModel):
    """What a version may set of its model calls, beyond its own fields. Nothing here can name an address or a key."""

    model_config = STRICT

    top_p: Annotated[Number, Field(gt=0, le=1)] = Field(1.0, description="a number above 0, at most 1")
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] = Field(0.0, description="a number from -2 to 2")
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] = Field(0.0, description="a number from -2 to 2")
    seed: Annotated[Whole, Field(ge=0, le=2**53)] = Field(0, description="a whole number from 0 to 2^53")
    stop: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_json_value)]],
        BeforeValidator(_stops),
        Field(min_length=1, max_length=4),
    ] = Field([], description="one to four texts of 1 to 100 characters")
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] = Field(
        "medium", description="none, minimal, low, medium, high or xhigh"
    )
    verbosity: Literal["low", "medium", "high"] = Field("medium", description="low, medium or high")


class Content(BaseModel):
    """A version's content. The order of the fields is that of the console and of files."""

    model_config = STRICT

    description: Annotated[str, Field(max_length=300), AfterValidator(_text)] = Field(
        description="one sentence of at most 300 characters"
    )
    instructions: Annotated[str, Field(max_length=MAX_INSTRUCTIONS), AfterValidator(_text)] = Field(
        description=f"text of at most {MAX_INSTRUCTIONS:,} characters"
    )
    strategy: Literal["answer", "plan", "route", "review"] = Field(
        "answer", description="answer, plan, route or review"
    )
    model: Annotated[str, Field(max_length=MODEL_NAME_CHARACTERS), AfterValidator(_model_name)] = Field(
        "", description="a model's name, or nothing for the platform's AGENT_MODEL"
    )
    fallback_models: Annotated[
        list[ModelName], Field(max_length=MAX_FALLBACKS), AfterValidator(_once), AfterValidator(_fallbacks)
    ] = Field([], description=f"a list of at most {MAX_FALLBACKS} models' names, such as [gpt-5-nano]")
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = Field(
        None, description="a number from 0 to 2, or nothing for the provider's default"
    )
    model_settings: ModelSettings = Field(
        default_factory=ModelSettings, description="settings by their names, such as {top_p: 0.9}"
    )
    tools: Annotated[list[str], Field(max_length=MAX_NAMES), AfterValidator(_once), AfterValidator(_tools)] = Field(
        [], description="a list of tools' names, such as [calculator]"
    )
    delegates: Agents = Field([], description=f"a list of at most {MAX_OTHER_AGENTS} agents' slugs, such as [general]")
    handoffs: Agents = Field([], description=f"a list of at most {MAX_OTHER_AGENTS} agents' slugs, such as [writer]")
    output_schema: Annotated[dict[str, Any], BeforeValidator(_schema)] | None = Field(
        None, description="a JSON Schema, or nothing for plain text"
    )
    guard_mode: Literal["off", "observe", "flag", "block"] = Field("block", description="off, observe, flag or block")
    output_guard: Literal["off", "flag", "block"] = Field("flag", description="off, flag or block")
    topics: Annotated[list[Topic], Field(max_length=MAX_TOPICS), AfterValidator(_once)] = Field(
        [], description=f"a list of at most {MAX_TOPICS} topics, such as [invoices, delivery times]"
    )
    approval: Literal["none", "start", "result"] = Field("none", description="none, start or result")
    approval_tools: Annotated[
        list[str], Field(max_length=MAX_NAMES), AfterValidator(_once), AfterValidator(_approval_tools)
    ] = Field([], description="a list of its tools' names, or patterns such as [github__delete_*]")
    approval_timeout_seconds: Annotated[Whole, Field(ge=1, le=2_592_000)] | None = Field(
        None,
        description="a whole number of seconds from 1 to 2,592,000 (30 days), or nothing for APPROVAL_TIMEOUT_SECONDS",
    )
    approval_on_timeout: Literal["reject", "approve", "fail"] = Field("reject", description="reject, approve or fail")
    max_output_tokens: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(
        2000, description="a whole number from 1 to 1,000,000"
    )
    max_steps: Annotated[Whole, Field(ge=1, le=1000)] = Field(12, description="a whole number from 1 to 1,000")
    max_cost_usd: Usd = Field(
        Decimal("0.50"), description=f"US dollars above 0, at most {MOST_COST_USD:,}, with at most six decimals"
    )
    timeout_seconds: Annotated[Whole, Field(ge=1, le=86_400)] = Field(
        120, description="a whole number of seconds from 1 to 86,400"
    )
    cache_seconds: Annotated[Whole, Field(ge=0, le=2_592_000)] = Field(
        300, description="a whole number of seconds from 0 to 2,592,000 (30 days)"
    )

    @field_serializer("model_settings")
    def _only_what_is_set(self, value: ModelSettings) -> dict[str, Any]:
        return value.model_dump(exclude_unset=True)


FIELDS = tuple(Content.model_fields)


def of(version: AgentVersion) -> dict[str, Any]:
    """A version's content as it stands."""
    return {name: getattr(version, name) for name in FIELDS}


def checked(data: Mapping[str, Any], known: Known) -> tuple[dict[str, Any], list[FieldError]]:
    """The content as it is kept, and all that is wrong with it; with faults, the content is empty."""
    try:
        return Content.model_validate(dict(data), context=known).model_dump(), []
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    return {}, [FieldError(".".join(map(str, fault["loc"])), fault["type"], _told(fault)) for fault in faults]


def _told(fault: Mapping[str, Any]) -> str:
    """What would be right, in a sentence."""
    if fault["type"] == "fault":
        return str(fault["msg"])
    name, *inside = map(str, fault["loc"])
    within: type[BaseModel] = Content
    if name == "model_settings" and inside:
        within, name = ModelSettings, inside[0]
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(name, within.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(within.model_fields)}."
        return f"There is no such {'field' if within is Content else 'setting'}; {hint}"
    takes = within.model_fields[name].description
    return f"It is missing; it takes {takes}." if fault["type"] == "missing" else f"It takes {takes}."
