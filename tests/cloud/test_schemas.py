"""The files in deploy/ against the platforms: AWS's own linter; for the others, what their references list.

Railway and Render publish schemas without a licence and Fly none, so `schemas/` has our own, of what we use: the
references of docs.railway.com/config-as-code, render.com/docs/blueprint-spec and fly.io/docs/reference/configuration.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.cloud.deployments import DEPLOY, ROOT

SCHEMAS = Path(__file__).parent / "schemas"
FILES: list[tuple[str, str, Callable[[str], Any]]] = [
    *(("railway", f"railway/{part}.json", json.loads) for part in ("web", "worker", "sweeper")),
    ("render", "render/render.yaml", yaml.safe_load),
    ("fly", "fly/fly.toml", tomllib.loads),
]


def validator(name: str) -> Draft202012Validator:
    schema = yaml.safe_load((SCHEMAS / f"{name}.yaml").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(("schema", "path", "parse"), FILES, ids=[path for _, path, _ in FILES])
def test_it_has_the_form_that_the_platform_documents(schema: str, path: str, parse: Callable[[str], Any]) -> None:
    content = parse((DEPLOY / path).read_text())
    assert [f"{error.json_path}: {error.message}" for error in validator(schema).iter_errors(content)] == []


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ("railway", {"build": {"builder": "DOCKERFILE"}, "deploy": {"drainingSeconds": "30"}}),
        ("railway", {"deploy": {"healthCheckPath": "/health/ready"}}),
        ("render", {"services": [{"type": "web", "name": "web", "runtime": "docker", "startCommand": "web"}]}),
        ("fly", {"kill_timeout": 30, "http_service": {"internal_port": "8000"}}),
    ],
)
def test_a_mistake_is_found(schema: str, content: Any) -> None:
    assert not validator(schema).is_valid(content)


@pytest.mark.timeout(180)
def test_cloudformation_takes_the_template() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "deploy/ecs/agentplatform.yaml"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
