"""What deploy/monitoring gives operators: Prometheus itself reads the rules, and our metrics answer each query."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.conf import settings as project
from prometheus_client import REGISTRY

from agentplatform.embedded.ports import LOOPBACK, free_port
from agentplatform.embedded.program import Program
from agentplatform.embedded.stores import running
from agents import metrics as tables
from tests.api import Api, Persona
from tests.waiting import eventually

FOLDER = Path(project.BASE_DIR) / "deploy" / "monitoring"
DASHBOARDS = sorted((FOLDER / "grafana").glob("*.json"))
SELECTOR = re.compile(r"(agent_\w+|agentplatform:[\w:]+|django_\w+|\bup\b)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"job", "instance", "le"}
# In CI a skip would pass for a test.
needs_prometheus = pytest.mark.skipif(
    not shutil.which("promtool") and "CI" not in os.environ, reason="Prometheus is missing: apt-get install prometheus"
)


def rules() -> list[dict[str, Any]]:
    read = yaml.safe_load((FOLDER / "rules.yml").read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


def queries(dashboard: Path) -> dict[str, str]:
    """Each panel's queries as PromQL, for all agents and tiers."""
    panels = json.loads(dashboard.read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": re.sub(r"\$\w+", ".*", target["expr"])
        for panel in panels
        for target in panel.get("targets", ())
    }


QUERIES = {f"{file.stem}: {name}": query for file in DASHBOARDS for name, query in queries(file).items()} | {
    rule.get("alert") or rule["record"]: rule["expr"] for rule in rules()
}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def labels(api: Api) -> dict[str, set[str]]:
    """The labels of each metric there is, by the name that queries know it by."""
    known: dict[str, set[str]] = {"up": set()}
    for collector in set(REGISTRY._collector_to_names):
        for name in REGISTRY._collector_to_names[collector]:
            known[name] = set(getattr(collector, "_labelnames", ()))
    for line in api.get("/metrics").text.splitlines():
        if sample := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            known.setdefault(sample[1], set()).update(re.findall(r"(\w+)=", sample[2] or ""))
    return known | {rule["record"]: set() for rule in rules() if "record" in rule}


@needs_prometheus
def test_prometheus_finds_the_rules_right() -> None:
    checked = promtool("check", "rules", FOLDER / "rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_alerts_come_when_they_should_and_not_else() -> None:
    tested = promtool("test", "rules", FOLDER / "rules.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_queries_ask_for_metrics_and_labels_that_there_are(labels: dict[str, set[str]]) -> None:
    for name, query in QUERIES.items():
        asked = SELECTOR.findall(GROUPING.sub("", query))
        assert asked, f"{name} asks for none of our metrics"
        grouped = set(OF_PROMETHEUS)
        for metric, matchers in asked:
            assert metric in labels, f"{name}: there is no {metric}"
            grouped |= labels[metric]
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels[metric] | OF_PROMETHEUS, f"{name}: {metric}"
        for grouping in GROUPING.findall(query):
            assert set(grouping.replace(" ", "").split(",")) <= grouped, name


def test_each_alert_says_what_to_do() -> None:
    runbook = (Path(project.BASE_DIR) / "docs" / "operations.md").read_text()
    for alert in (rule for rule in rules() if "alert" in rule):
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert alert["annotations"].keys() == {"summary", "description", "runbook"}
        assert f"`{alert['alert']}`" in runbook


@pytest.fixture
def prometheus(api: Api, tmp_path: Path) -> Iterator[str]:
    """Prometheus with our rules, which scrapes the platform four times a second; its URL."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"}
    web = next(job for job in config["scrape_configs"] if job["job_name"] == "web")
    del web["authorization"]
    web["static_configs"] = [{"targets": [str(api.base_url).removeprefix("http://").rstrip("/")]}]
    config["scrape_configs"] = [web]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(FOLDER / "rules.yml", tmp_path)
    address = f"{LOOPBACK}:{free_port()}"
    options = {
        "config.file": tmp_path / "prometheus.yml", "storage.tsdb.path": tmp_path / "data", "web.listen-address": address
    }  # fmt: skip
    command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
    ready = Program(name="prometheus", command=command, is_ready=lambda _pid: answers(f"http://{address}/-/ready"))
    with running(ready, tmp_path):
        yield f"http://{address}"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


@needs_prometheus
def test_prometheus_answers_each_query(
    prometheus: str, alice: Persona, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "KEPT_SECONDS", 0.0)

    def ask(query: str) -> list[Any]:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", answer
        result: list[Any] = answer["data"]["result"]
        return result

    def calls() -> None:
        alice.execute("Count the letters.")
        api.get("/agent/types", headers={"Authorization": "Bearer wrong"})

    calls()
    eventually(lambda: ask('agent_requests_total{status="completed"}'))
    calls()
    shown = (
        "Available",
        "Answered within",
        "Tasks that do",
        "Cost of",
        "Oldest",
        "Running",
        "Calls",
        "Time to",
        "Running time",
    )
    wanted = [name for name in QUERIES if name.partition(": ")[2].startswith(shown)]
    assert len(wanted) > len(shown)

    eventually(lambda: all(ask(QUERIES[name]) for name in wanted))
    for query in QUERIES.values():
        ask(query)
