"""Whether Docker Compose takes the compose files, in every set that the documents name, and each service keeps the rules.

    python tests/containers/config.py [COMPOSE …]

COMPOSE is the command to ask, `docker compose` unless given; no Docker need run. Standard library only.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
DEV = ["-f", "docker-compose.yml", "-f", "docker-compose.dev.yml"]
MONITORING = ["--profile", "monitoring"]
SETS = [[], MONITORING, DEV, DEV + MONITORING]
# What deploy.sh puts into a `.env`, apart from the secrets' values.
SECRETS = ("SECRET_KEY", "API_KEY_PEPPER", "POSTGRES_PASSWORD", "METRICS_TOKEN", "OPENAI_API_KEY")
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": "api.example.com",
    "LOCAL_MODEL": "0",
    "PORT": "8443",
    **dict.fromkeys(SECRETS, 32 * "x"),
}
# Its entrypoint begins as root, to give a new volume to its own user.
ROOT_IS_WRITABLE = {"postgres"}
ENDS = {"migrate"}


class Wrong(Exception):
    """Compose refuses the files, or a service breaks a rule."""


def resolved(compose: list[str], options: list[str], settings: dict[str, str]) -> dict[str, Any]:
    """The services as Compose understands them, with these settings in the `.env`. Raises Wrong."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    with tempfile.NamedTemporaryFile("w", suffix=".env") as env_file:
        env_file.writelines(f"{name}={value}\n" for name, value in settings.items())
        env_file.flush()
        command = [*compose, "--env-file", env_file.name, *options, "config", "--format", "json"]
        ended = subprocess.run(command, cwd=PROJECT, env=clean, capture_output=True, text=True, check=False)
    if ended.returncode or ended.stderr:
        raise Wrong(ended.stderr.strip())
    services: dict[str, Any] = json.loads(ended.stdout)["services"]
    return services


def broken_rules(name: str, service: dict[str, Any]) -> Iterator[str]:
    """What a service lacks."""
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if "memory" not in limits or "cpus" not in limits:
        yield "has no limit of memory and cpus"
    if service.get("logging", {}).get("options", {}).get("max-size") is None:
        yield "has no limit of its log"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges"
    if name not in ROOT_IS_WRITABLE and not service.get("read_only"):
        yield "has a root file system that can be written"
    if name not in ROOT_IS_WRITABLE and service.get("cap_drop") != ["ALL"]:
        yield "keeps capabilities"
    if name not in ENDS and (
        not service.get("healthcheck", {}).get("test") or service.get("restart") != "unless-stopped"
    ):
        yield "has no health check, or is not started again"
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1":
            yield f"is published beyond this machine, on {port.get('published')}"


def main(arguments: list[str]) -> int:
    """Print a line for each set of files; 1 when one is wrong."""
    compose = arguments or ["docker", "compose"]
    failures = 0
    for options in SETS:
        for kind, settings in (("trial", {}), ("production", PRODUCTION)):
            said = " ".join([kind, *options])
            try:
                services = resolved(compose, options, settings)
                wrong = [f"{name} {rule}" for name, service in services.items() for rule in broken_rules(name, service)]
                if wrong:
                    raise Wrong("; ".join(wrong))
                sys.stdout.write(f"ok    {said}: {', '.join(services)}\n")
            except Wrong as problem:
                failures += 1
                sys.stdout.write(f"FAIL  {said}: {problem}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
