"""Bodies and query strings, checked by pydantic, with errors in the contract's words."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from agentplatform.errors import FieldError, InvalidRequest

M = TypeVar("M", bound=BaseModel)

CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_short": "min_length",
    "string_too_long": "max_length",
    "too_short": "min_length",
    "too_long": "max_length",
    "less_than_equal": "max_value",
    "less_than": "max_value",
    "greater_than_equal": "min_value",
    "greater_than": "min_value",
    "literal_error": "invalid_choice",
    "enum": "invalid_choice",
}
MESSAGES = {"missing": "This field is required.", "extra_forbidden": "There is no such field."}


class Body(BaseModel):
    """The base of request bodies: a field nobody knows is an error, and text is not turned into numbers or booleans."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _whole_number(cls, value: Any) -> Any:
        # JSON has one kind of number: 3.0 is an integer too.
        return int(value) if isinstance(value, float) and value.is_integer() else value


class Query(BaseModel):
    """The base of query strings, where everything arrives as text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parsed(model: type[M], data: Any) -> M:
    """`data` as the model; raises InvalidRequest with one row per fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest([_row(fault) for fault in error.errors(include_url=False, include_input=False)]) from error


def _row(fault: Mapping[str, Any]) -> FieldError:
    path = ".".join(str(part) for part in fault["loc"])
    if fault["type"] in MESSAGES:
        message = MESSAGES[fault["type"]]
    else:
        message = str(fault["msg"]).removeprefix("Value error, ")
        message = message if message.endswith(".") else f"{message}."
    code = fault.get("ctx", {}).get("code") or CODES.get(fault["type"], "invalid")
    return FieldError(path, code, message)
