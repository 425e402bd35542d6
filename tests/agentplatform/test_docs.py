"""The pages for people, and /openapi.json."""

import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import pytest

from agentplatform import __version__, docs
from agentplatform.error_reference import ENTRIES
from tests.api import Api

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = ["/", "/docs", "/redoc", "/docs/errors", "/playground"]


@pytest.mark.parametrize("path", PAGES)
def test_it_is_a_page(api: Api, path: str) -> None:
    page = api.get(path, headers=BROWSER)

    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("path", PAGES)
def test_everything_on_the_page_is_served_here(api: Api, path: str) -> None:
    page = api.get(path, headers=BROWSER)

    for target in set(re.findall(r'(?:src|href|data-schema)="([^"]+)"', page.text)):
        assert target.startswith(("/", "#")), target
        found = api.get(urljoin(path, target), headers=BROWSER, follow_redirects=True)
        # How well the platform is depends on more than this test.
        assert found.status_code in {200, 503 if target == "/health" else 200}, target


@pytest.mark.parametrize("path", PAGES)
def test_the_page_lets_nothing_in_from_outside(api: Api, path: str) -> None:
    page = api.get(path, headers=BROWSER)

    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    assert "*" not in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)", page.text) == []
    assert re.findall(r"\son\w+=", page.text) == []


@pytest.mark.parametrize("path", [*PAGES, "/openapi.json"])
def test_it_refuses_other_methods_as_the_api_does(api: Api, path: str) -> None:
    refused = api.post(path)

    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, HEAD"
    assert api.head(path).status_code == 200


def test_the_welcome_names_the_server_it_came_from(api: Api) -> None:
    address = str(api.base_url).rstrip("/")

    assert f"curl {address}/agent/execute" in api.get("/", headers=BROWSER).text


def test_programs_get_the_links_as_json(api: Api) -> None:
    answer = api.get("/", headers={"Accept": "application/json"})

    links = answer.json()
    assert "Accept" in answer.headers["Vary"]

    assert links == {"name": "Agentplatform", "version": __version__, "links": docs.LINKS}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_nothing_else(api: Api, path: str) -> None:
    refused = api.get(path, headers={"Accept": "image/png"})

    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")


def test_every_error_has_its_section(api: Api) -> None:
    page = api.get("/docs/errors", headers=BROWSER).text

    assert re.findall(r'<section id="(\w+)">', page) == [entry.code for entry in ENTRIES]


def test_a_problem_points_to_its_section(api: Api) -> None:
    problem = api.get("/agent/nowhere").json()

    path, _, anchor = problem["type"].partition("#")
    assert f'<section id="{anchor}">' in api.get(path, headers=BROWSER).text


def test_the_document_is_made_once(api: Api) -> None:
    docs._generated.cache_clear()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: api.get("/openapi.json"), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert len({answer.content for answer in answers}) == 1
    assert docs._generated.cache_info().misses == 1
