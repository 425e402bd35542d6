"""What the files in deploy/ have each cloud platform run, in one form for all four."""

import json
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@dataclass(frozen=True)
class Part:
    """One service: what its container is given, and how the platform looks after it."""

    name: str
    command: tuple[str, ...]
    """As the arguments of the image's entry point."""
    migration: str
    """What migrates the database before it starts."""
    variables: dict[str, str]
    """What the platform fills in itself reads `<…>`."""
    stop_seconds: int
    health: str = ""
    """The path that the platform asks for, or the command that it runs; empty where it has neither."""


def railway() -> list[Part]:
    return [_railway(name, "web" if name == "web" else "worker") for name in ("web", "worker", "sweeper")]


def _railway(name: str, variables: str) -> Part:
    deploy = json.loads((DEPLOY / "railway" / f"{name}.json").read_text())["deploy"]
    lines = (DEPLOY / "railway" / f"{variables}.env").read_text().splitlines()
    return Part(
        name=name,
        command=tuple(shlex.split(deploy["startCommand"])),
        migration=deploy["preDeployCommand"][0],
        variables=dict(line.split("=", 1) for line in lines if line and not line.startswith("#")),
        stop_seconds=deploy["drainingSeconds"],
        health=deploy.get("healthcheckPath", ""),
    )


def render() -> list[Part]:
    blueprint = yaml.safe_load((DEPLOY / "render/render.yaml").read_text())
    groups = {group["name"]: group["envVars"] for group in blueprint["envVarGroups"]}
    return [_render(service, groups) for service in blueprint["services"] if service["type"] != "keyvalue"]


def _render(service: dict[str, Any], groups: dict[str, list[dict[str, str]]]) -> Part:
    entries = [
        entry for each in service["envVars"] for entry in (groups[each["fromGroup"]] if "fromGroup" in each else [each])
    ]
    return Part(
        name=service["name"].removeprefix("agentplatform-").replace("agentplatform", "web"),
        command=tuple(shlex.split(service["dockerCommand"])),
        migration=service["preDeployCommand"],
        variables={entry["key"]: entry.get("value", "<filled in>") for entry in entries},
        stop_seconds=service["maxShutdownDelaySeconds"],
        health=service.get("healthCheckPath", ""),
    )


FLY_SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "API_KEY_PEPPER",
    "OPENAI_API_KEY",
    "API_KEYS",
    "ADMIN_PASSWORD",
)


def fly() -> list[Part]:
    app = tomllib.loads((DEPLOY / "fly/fly.toml").read_text())
    paths = {"web": app["http_service"]["checks"][0]["path"], "worker": app["checks"]["worker"]["path"]}
    return [
        Part(
            name=name,
            command=tuple(shlex.split(command)),
            migration=app["deploy"]["release_command"],
            variables={**app["env"], **dict.fromkeys(FLY_SECRETS, "<secret>")},
            stop_seconds=app["kill_timeout"],
            health=paths.get(name, ""),
        )
        for name, command in app["processes"].items()
    ]


class _Template(yaml.SafeLoader):
    """CloudFormation's YAML: `!Ref Name` is read as `<Ref Name>`, whatever stands there."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value = node.value if isinstance(node, yaml.ScalarNode) else [each.value for each in node.value]
    return value if suffix == "Sub" else f"<{suffix} {value}>"


_Template.add_multi_constructor("!", _function)


def ecs() -> list[Part]:
    # S506: a safe loader with one constructor more, which makes text.
    template = yaml.load((DEPLOY / "ecs/agentplatform.yaml").read_text(), Loader=_Template)
    _, _, resources = template["Resources"]["Fn::ForEach::Parts"]
    (container,) = resources["${Part}Task"]["Properties"]["ContainerDefinitions"]
    variables = {each["Name"]: each["Value"] for each in container["Environment"]}
    variables |= {each["Name"]: each["ValueFrom"] for each in container["Secrets"]}
    return [
        Part(
            name=part["Command"],
            command=(*container["Command"][:-1], part["Command"]),
            migration=container["Command"][2].partition(" && ")[0],
            variables=variables,
            stop_seconds=container["StopTimeout"],
            health=shlex.join(part["HealthCheck"]),
        )
        for part in template["Mappings"]["Parts"].values()
    ]


PARTS = {f"{platform.__name__}-{part.name}": part for platform in (railway, render, fly, ecs) for part in platform()}
