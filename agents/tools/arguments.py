"""Reading what a model wrote as a tool's arguments: by a pydantic model, or by a schema that is data."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from agents.engine.json_schema import value_fault
from agents.engine.output import read_json

MAX_ERRORS_TOLD = 3
NOT_JSON = "the arguments are not valid JSON."

Read = Callable[[str], dict[str, Any]]


class BadArguments(ValueError):
    """They do not fit the tool. The message says where and why, for the model to mend them."""


def read_by_model(model: type[BaseModel]) -> Read:
    """Reading by a pydantic model: the function gets each field by its name."""

    def read(text: str) -> dict[str, Any]:
        try:
            found = model.model_validate_json(text.strip() or "{}")
        except ValidationError as error:
            raise BadArguments(_faults(error)) from error
        return {name: getattr(found, name) for name in type(found).model_fields}

    return read


def read_by_schema(schema: Mapping[str, Any]) -> Read:
    """Reading by a JSON Schema of an object: the function gets all of it, as `arguments`. Names in it need be no identifiers."""

    def read(text: str) -> dict[str, Any]:
        try:
            arguments = read_json(text.strip() or "{}")
        except ValueError as error:
            raise BadArguments(NOT_JSON) from error
        if not isinstance(arguments, dict):
            raise BadArguments("the arguments are not a JSON object.")
        if fault := value_fault(arguments, schema):
            raise BadArguments(f"{fault}.")
        return {"arguments": arguments}

    return read


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return NOT_JSON
    told = [(".".join(map(str, fault["loc"])) or "arguments", fault["msg"]) for fault in faults[:MAX_ERRORS_TOLD]]
    return " ".join(f"{place}: {message}." for place, message in told)
