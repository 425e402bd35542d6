from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from agentplatform.errors import InvalidRequest
from agentplatform.validation import Body, Query, parsed


class Limits(Body):
    steps: Annotated[int, Field(ge=1, le=12)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Order(Body):
    dish: Annotated[str, Field(min_length=1, max_length=5)]
    size: Literal["small", "large"] = "small"
    extras: Annotated[list[str], Field(min_length=1, max_length=2)] = Field(default=["salt"])
    limits: Limits = Limits()
    is_urgent: bool = False

    @field_validator("dish")
    @classmethod
    def is_on_the_menu(cls, dish: str) -> str:
        if dish == "stone":
            raise ValueError("We do not serve stones.")
        if dish == "fish":
            raise PydanticCustomError("sold_out", "No fish today", {"code": "sold_out"})
        return dish


FAULTS = [
    ({}, "dish", "required", "This field is required."),
    ({"dish": ""}, "dish", "min_length", None),
    ({"dish": "oatmeal"}, "dish", "max_length", None),
    ({"dish": 7}, "dish", "invalid", None),
    ({"dish": "stone"}, "dish", "invalid", "We do not serve stones."),
    ({"dish": "fish"}, "dish", "sold_out", "No fish today."),
    ({"dish": "soup", "size": "huge"}, "size", "invalid_choice", None),
    ({"dish": "soup", "extras": []}, "extras", "min_length", None),
    ({"dish": "soup", "extras": ["a", "b", "c"]}, "extras", "max_length", None),
    ({"dish": "soup", "extras": ["a", 1]}, "extras.1", "invalid", None),
    ({"dish": "soup", "limits": {"steps": 0}}, "limits.steps", "min_value", None),
    ({"dish": "soup", "limits": {"steps": 13}}, "limits.steps", "max_value", None),
    ({"dish": "soup", "limits": {"steps": "3"}}, "limits.steps", "invalid", None),
    ({"dish": "soup", "limits": {"share": 0}}, "limits.share", "min_value", None),
    ({"dish": "soup", "limits": {"share": 1}}, "limits.share", "max_value", None),
    ({"dish": "soup", "limits": {"spoons": 1}}, "limits.spoons", "unknown_field", "There is no such field."),
    ({"dish": "soup", "is_urgent": "yes"}, "is_urgent", "invalid", None),
    ([], "", "invalid", None),
    (None, "", "invalid", None),
]


@pytest.mark.parametrize(("body", "field", "code", "message"), FAULTS)
def test_a_fault_is_told_by_field_code_and_sentence(body: Any, field: str, code: str, message: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(Order, body)
    (row,) = refused.value.members["errors"]
    assert (row["field"], row["code"]) == (field, code)
    assert row["message"].endswith(".")
    assert message is None or row["message"] == message


def test_every_fault_has_a_row() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(Order, {"size": "huge", "colour": "red"})
    assert {row["field"] for row in refused.value.members["errors"]} == {"dish", "size", "colour"}


def test_the_value_itself_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed(Order, {"dish": "a secret that is too long"})
    assert "secret" not in str(refused.value.members)


def test_a_good_body_becomes_the_model() -> None:
    assert parsed(Order, {"dish": "soup", "limits": {"steps": 3}}) == Order(dish="soup", limits=Limits(steps=3))


def test_query_strings_are_text_and_become_numbers() -> None:
    class Page(Query):
        limit: int = 20

    assert parsed(Page, {"limit": "5"}) == Page(limit=5)
