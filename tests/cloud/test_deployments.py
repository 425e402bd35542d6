"""The files in deploy/ against the product: variables, commands, ports, paths, times."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from django.urls import resolve

from agentplatform import environment
from tests.cloud.deployments import DEPLOY, PARTS, ROOT, Part

ENTRYPOINT = ROOT / "deploy/container/entrypoint.sh"
KNOWN = set(re.findall(r"^ {4}([a-z]+)\)$", ENTRYPOINT.read_text(), re.MULTILINE))
WEB_STOP_SECONDS = int(re.findall(r"--workers-kill-timeout (\d+)", ENTRYPOINT.read_text())[0])
LIKELY = {
    "DATABASE_URL": "postgresql://user:password@database.internal/agents?sslmode=require",
    "REDIS_URL": "rediss://default:password@redis.internal:6379",
    "OPENAI_API_KEY": "sk-of-a-provider",
    "ADMIN_PASSWORD": "twelve characters or more",
}

each_part = pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())


@pytest.mark.parametrize("platform", ["railway", "render", "fly", "ecs"])
def test_every_part_runs_on_every_platform(platform: str) -> None:
    assert {name for name in PARTS if name.startswith(platform)} == {
        f"{platform}-{part}" for part in ("web", "worker", "sweeper")
    }


@each_part
def test_each_variable_is_a_setting(part: Part) -> None:
    assert part.variables.keys() - environment.declared.keys() == set()


@each_part
def test_production_starts_with_what_each_part_is_given(part: Part, tmp_path: Path) -> None:
    given = {
        name: LIKELY.get(name, "s" * 40) if "<" in value or "$" in value else value
        for name, value in part.variables.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", "import agentplatform.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), **LIKELY, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@each_part
def test_it_starts_what_its_name_says(part: Part) -> None:
    assert part.command[-1].split()[-1] == part.name
    assert part.name in KNOWN
    if part.command[0] not in {part.name, "sh"}:
        assert (ROOT / part.command[0]).samefile(ENTRYPOINT)
    assert os.access(ENTRYPOINT, os.X_OK)


@each_part
def test_the_database_is_migrated_first(part: Part) -> None:
    *script, step = part.migration.split()
    assert step == "migrate"
    assert step in KNOWN
    assert script in ([], ["deploy/container/entrypoint.sh"])


@each_part
def test_it_has_time_to_stop(part: Part) -> None:
    assert part.stop_seconds > WEB_STOP_SECONDS


@each_part
def test_health_is_asked_for_where_it_is_answered(part: Part) -> None:
    path = part.health if part.health.startswith("/") else ""
    if part.name == "web":
        # The script asks for /health/ready where it is given no other address.
        assert path == "/health/ready" or part.health.endswith("deploy/container/answers.py")
        resolve(path or "/health/ready")
    elif part.health and part.name == "worker":
        assert part.health.endswith("/metrics")
        assert path or f":{part.variables['WORKER_METRICS_PORT']}/" in part.health


@each_part
def test_the_callers_address_is_read_behind_the_platforms_proxy(part: Part) -> None:
    if part.name == "web":
        assert int(part.variables["TRUSTED_PROXIES"]) >= 1


def test_the_port_is_the_platforms_or_named_at_both_ends() -> None:
    app = tomllib.loads((DEPLOY / "fly/fly.toml").read_text())
    assert app["http_service"]["internal_port"] == int(app["env"]["PORT"])
    worker_port = int(app["env"]["WORKER_METRICS_PORT"])
    assert app["checks"]["worker"]["port"] == worker_port == app["metrics"][0]["port"]
    assert "PORT" not in PARTS["railway-web"].variables  # Railway and Render choose it themselves
    assert "PORT" not in PARTS["render-web"].variables
    template = (DEPLOY / "ecs/agentplatform.yaml").read_text()
    port = PARTS["ecs-web"].variables["PORT"]
    for line in (f"ContainerPort: {port}, TargetGroupArn", f"FromPort: {port}, ToPort: {port}", f"Port: {port}\n"):
        assert line in template


def test_no_secret_stands_in_a_file() -> None:
    secret = re.compile(r"(SECRET_KEY|API_KEY_PEPPER|API_KEYS|PASSWORD|TOKEN|OPENAI_API_KEY|DATABASE_URL|REDIS_URL)$")
    for name, part in PARTS.items():
        for variable, value in part.variables.items():
            if secret.search(variable) and not name.startswith("ecs"):
                assert value.startswith(("<", "${{")), f"{name}: {variable}"


def test_renders_references_lead_somewhere() -> None:
    blueprint = yaml.safe_load((DEPLOY / "render/render.yaml").read_text())
    services = {service["name"]: service for service in blueprint["services"]}
    for service in services.values():
        for entry in service.get("envVars", []):
            if reference := entry.get("fromService"):
                other = services[reference["name"]]
                assert reference["type"] == other["type"]
                if "envVarKey" in reference:
                    assert reference["envVarKey"] in {each.get("key") for each in other["envVars"]}
            if reference := entry.get("fromDatabase"):
                assert reference["name"] in {each["name"] for each in blueprint["databases"]}
