"""What /static/ serves."""

import gzip

import httpx
import pytest
from django.conf import settings

from tests.api import Api

ADDRESS = "/static/agentplatform/pages.css"


def test_it_serves_the_file_as_it_is(api: Api) -> None:
    served = api.get(ADDRESS)

    assert served.status_code == 200
    assert served.content == (settings.BASE_DIR / "agentplatform" / ADDRESS.removeprefix("/")).read_bytes()
    assert served.headers["Content-Type"].startswith("text/css")
    assert "max-age" in served.headers["Cache-Control"]


def test_it_serves_it_once_to_those_who_keep_it(api: Api) -> None:
    kept = {"If-Modified-Since": api.get(ADDRESS).headers["Last-Modified"]}

    again = api.get(ADDRESS, headers=kept)

    assert (again.status_code, again.content) == (304, b"")


def test_it_serves_a_part(api: Api) -> None:
    part = api.get(ADDRESS, headers={"Range": "bytes=0-4"})

    assert (part.status_code, part.content) == (206, b":root")


def test_a_file_that_is_not_there_is_a_problem(api: Api) -> None:
    missing = api.get("/static/missing.css")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("taken", ["gzip", "deflate, gzip;q=1.0, *;q=0.5"])
def test_a_text_is_packed_for_who_takes_it(api: Api, taken: str) -> None:
    plain = api.get(ADDRESS, headers={"Accept-Encoding": "identity"})
    with httpx.stream("GET", api.base_url.join(ADDRESS), headers={"Accept-Encoding": taken}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert int(packed.headers["Content-Length"]) == len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content
    assert "Content-Encoding" not in plain.headers


def test_fonts_are_sent_as_they_are(api: Api) -> None:
    font = api.get("/static/unfold/fonts/inter/Inter-Regular.woff2")
    assert font.status_code == 200
    assert "Content-Encoding" not in font.headers
