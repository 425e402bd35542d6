"""The two lists of settings, `.env.example` and `docs/settings.md`, as text made from what settings.py declares."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from textwrap import wrap

from agentplatform.environment import Setting

WIDTH = 126
PLAIN = ("text", "path")  # not worth a word in .env.example

ENV_EXAMPLE_HEAD = """\
# Settings of Agentplatform. Copy this file to `.env` in the project's root and uncomment what you change; the shown values are
# the defaults. Variables of the real environment win over this file, and an empty value counts as unset.
# A secret may stand in a file of its own: DATABASE_URL_FILE=/run/secrets/database_url, and so with every other name.
# A bad value stops the start with one line that names the variable and what it takes.
# Written by `make docs` from agentplatform/settings.py.
"""
MARKDOWN_HEAD = """\
# Settings

Each setting is a variable of the environment, or a line of `.env` in the project's root (`cp .env.example .env`). The real
environment wins over the file, and an empty value counts as unset. A bad value stops the start with one line that names
the variable and what it takes.

A secret may stand in a file of its own: `DATABASE_URL_FILE=/run/secrets/database_url` is read where `DATABASE_URL` is
unset, and so with every other name. In containers, see [Containers](#containers).

*Written by `make docs` from `agentplatform/settings.py`; do not edit it by hand.*
"""


def _of_containers(name: str, takes: str, default: str, meaning: str) -> Setting:
    return Setting(name=name, section="Containers", takes=takes, default=default, unset="", meaning=meaning)


# Read by the compose files alone, never by the platform.
CONTAINERS = (
    _of_containers("SECRET_KEY_FILE", "path", "", "File with `SECRET_KEY` that the containers' user, 10001, may read."),
    _of_containers("API_KEY_PEPPER_FILE", "path", "", "The same for `API_KEY_PEPPER`."),
    _of_containers("OPENAI_API_KEY_FILE", "path", "", "The same for `OPENAI_API_KEY`."),
    _of_containers(
        "POSTGRES_PASSWORD",
        "letters, digits and ._~-",
        "agentplatform",
        "Password of the service `postgres`. `./deploy.sh` makes one, and has PostgreSQL take a new one.",
    ),
    _of_containers(
        "PUBLISH_ADDRESS",
        "address",
        "127.0.0.1",
        "Address of this machine on which `PORT` is published; 0.0.0.0 for all of them, without TLS.",
    ),
    _of_containers(
        "PROMETHEUS_PORT",
        "1 to 65535",
        "9090",
        "Port on which the profile `monitoring` publishes Prometheus, on 127.0.0.1.",
    ),
    _of_containers(
        "POSTGRES_PORT",
        "1 to 65535",
        "5432",
        "Port on which docker-compose.dev.yml publishes PostgreSQL, on 127.0.0.1.",
    ),
    _of_containers(
        "LOCAL_MODEL",
        "0 or 1",
        "1",
        "How many containers of the small local model to run; 0 with a provider of your own.",
    ),
    _of_containers("IMAGE", "name:tag", "agentplatform:latest", "Image of the platform's services."),
    _of_containers("MODEL_IMAGE", "name:tag", "agentplatform-model:latest", "Image of the local model."),
)


def files(declared: Iterable[Setting]) -> dict[Path, str]:
    """Each file of the reference, by its path in the project, with the content it should have."""
    settings = [*declared, *CONTAINERS]
    return {
        Path(".env.example"): "".join(_env_example(settings)),
        Path("docs/settings.md"): "".join(_markdown(settings)),
    }


def _env_example(settings: list[Setting]) -> Iterator[str]:
    yield ENV_EXAMPLE_HEAD
    for section, members in groupby(settings, lambda setting: setting.section):
        yield f"\n# {section} ".ljust(WIDTH, "-") + "\n\n"
        for setting in members:
            takes = f" Takes {setting.takes}." if setting.takes not in PLAIN else ""
            unset = f" Unset: {setting.unset}." if setting.unset else ""
            for line in wrap(f"{setting.meaning}{takes}{unset}", WIDTH):
                yield f"# {line}\n"
            yield f"#{setting.name}={setting.default}\n"


def _markdown(settings: list[Setting]) -> Iterator[str]:
    yield MARKDOWN_HEAD
    for section, members in groupby(settings, lambda setting: setting.section):
        yield f"\n## {section}\n\n| Variable | Takes | Default | What it means |\n|---|---|---|---|\n"
        for setting in members:
            default = f"unset: {setting.unset}" if setting.unset else f"`{setting.default}`" if setting.default else "–"
            yield f"| `{setting.name}` | {setting.takes} | {default} | {setting.meaning} |\n"
