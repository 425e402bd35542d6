"""The parts of a deployment on ECS, as the template starts them: production, TLS to both stores, all at the same moment."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from agentplatform.embedded.ports import free_port
from tests.cloud.deployments import PARTS
from tests.end_to_end.tls import LOOPBACK, accept_ssl_request, certificate, relayed
from tests.fixtures import World
from tests.scripted_model import ScriptedModel
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(300)
ENTRYPOINT = "deploy/container/entrypoint.sh"
HOST = "agents.example.com"
KEY = "first-key-of-this-deployment"


@dataclass(frozen=True)
class Deployment:
    """The running parts, and where the web server listens."""

    url: str
    parts: dict[str, "subprocess.Popen[str]"]


@pytest.fixture
def stores(database: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """An empty database and a Redis, both behind TLS: the variables that name them."""
    context = certificate(tmp_path)
    postgres, redis = urlsplit(settings.DATABASE_URL), urlsplit(settings.REDIS_URL)
    name = f"{postgres.path.removeprefix('/')}_cloud"
    with (
        psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection,
        relayed(postgres.hostname or "", postgres.port or 0, context, accept_ssl_request) as postgres_port,
        relayed(redis.hostname or "", redis.port or 0, context) as redis_port,
    ):
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        who, whom = postgres.netloc.rpartition("@")[0], redis.netloc.rpartition("@")[0]
        yield {
            "DATABASE_URL": f"postgres://{who}@{LOOPBACK}:{postgres_port}/{name}?sslmode=require",
            "REDIS_URL": f"rediss://{whom}@{LOOPBACK}:{redis_port}{redis.path}",
            # What a platform's certificates are signed with, every machine trusts already.
            "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        }
        connection.execute(drop)


@pytest.fixture
def deployment(stores: dict[str, str], model: ScriptedModel, tmp_path: Path) -> Iterator[Deployment]:
    port, metrics_port = free_port(), free_port()
    given = {
        **stores,
        "ALLOWED_HOSTS": HOST,
        "SECRET_KEY": "s" * 40,
        "API_KEY_PEPPER": "p" * 40,
        "METRICS_TOKEN": "m" * 40,
        "ADMIN_PASSWORD": "twelve characters or more",
        "API_KEYS": f"{KEY}:unlimited",
        "OPENAI_API_KEY": "sk-scripted-model",
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "WORKER_METRICS_PORT": str(metrics_port),
    }
    outside = {"OPENAI_BASE_URL": model.base_url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    parts = {}
    for part in (part for name, part in PARTS.items() if name.startswith("ecs")):
        folder = {"DATA_DIR": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics" / part.name)}
        parts[part.name] = subprocess.Popen(
            [ENTRYPOINT, *part.command],
            cwd=settings.BASE_DIR,
            env={**part.variables, **given, **outside, **folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Deployment(f"http://{LOOPBACK}:{port}", parts)
    finally:
        for process in parts.values():
            process.kill()
            process.communicate()


def test_it_gets_ready_does_a_task_in_the_background_and_stops(deployment: Deployment, model: ScriptedModel) -> None:
    model.when("capital of France", "Paris.")

    def answers(path: str) -> bool:
        assert all(process.poll() is None for process in deployment.parts.values())
        try:
            # As a load balancer asks: by address.
            return httpx.get(f"{deployment.url}{path}", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    eventually(lambda: answers("/health/ready"), within=180)
    with httpx.Client(base_url=deployment.url, headers={"Host": HOST}, timeout=70) as client:
        eventually(lambda: client.get("/health").json()["status"] == "healthy", within=120)
        key = {"Authorization": f"Bearer {KEY}"}
        body = {"task": "What is the capital of France?", "async_execution": True}
        promised = client.post("/agent/execute", headers=key, json=body)
        assert promised.status_code == 202
        ended = client.get(f"/agent/status/{promised.json()['task_id']}", params={"wait": 60}, headers=key).json()
        assert (ended["status"], ended["result"]) == ("completed", "Paris.")
        assert client.get("/metrics").status_code == 401

    for name, process in deployment.parts.items():
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PARTS[f"ecs-{name}"].stop_seconds)
        assert process.returncode == 0, f"{name}: {output[-2000:]}"
