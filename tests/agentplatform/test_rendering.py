import io
from decimal import Decimal
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel

from agentplatform.errors import MalformedJson
from agentplatform.rendering import JSONParser, JSONRenderer, json_response


class Dish(BaseModel):
    name: str
    price: Decimal


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": NaN}', b"{'a': 1}", b'"\xff"', b"[1,]", b"\xef\xbb\xbf{}"])
def test_what_is_not_strict_json_is_refused_with_its_place(body: bytes) -> None:
    with pytest.raises(MalformedJson, match=r"The body is not valid JSON: .+"):
        JSONParser().parse(io.BytesIO(body))


def test_json_is_read() -> None:
    assert JSONParser().parse(io.BytesIO('{"name": "crème"}'.encode())) == {"name": "crème"}


def test_models_and_money_are_written_exactly() -> None:
    task_id = UUID("0198f0c2-7b7b-7000-8000-000000000000")
    written = JSONRenderer().render(
        {"dish": Dish(name="soup", price=Decimal("0.10")), "cost": Decimal("1.50"), "id": task_id}
    )
    assert orjson.loads(written) == {"dish": {"name": "soup", "price": "0.10"}, "cost": "1.50", "id": str(task_id)}


def test_an_answer_has_its_status_and_headers() -> None:
    answer = json_response({"a": 1}, status=202, headers={"Location": "/there"})
    assert answer.status_code == 202
    assert answer["Location"] == "/there"
    assert answer["Content-Type"] == "application/json"
    assert answer.content == b'{"a":1}'
