"""`agentctl` itself: its common options, and how it ends."""

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click

from agentplatform_client import Agentplatform, __version__
from agentplatform_client._settings import KEY_VARIABLE, URL_VARIABLE
from agentplatform_client.cli import config, exits
from agentplatform_client.cli.exits import OutputFailed
from agentplatform_client.cli.output import complain
from agentplatform_client.cli.progress import Progress
from agentplatform_client.errors import AgentplatformError, ConfigurationError

CONNECT_SECONDS = 3.0
COMMON = ("--url", "--api-key", "--config", "--retry-for", "--quiet", "-q")


@dataclass
class Session:
    """What every command has: the options before its name, and a client made of them."""

    url: str | None
    api_key: str | None
    config_path: str | None
    retry_for: float
    is_quiet: bool
    progress: Progress | None = None

    @cached_property
    def api(self) -> Agentplatform:
        """The client. Raises ConfigurationError."""
        file = config.read(self.config_path)
        if file.warning and not self.is_quiet:
            complain(file.warning)
        url, api_key = self.url or file.url, self.api_key or file.api_key
        if not url or not api_key:
            missing, option, variable = (
                ("key", "--api-key", KEY_VARIABLE) if url else ("platform", "--url", URL_VARIABLE)
            )
            raise ConfigurationError(
                f"Which {missing}? Say it with {variable}, {option}, or in {self.config_path or config.usual_path()}, "
                f"which takes {config.EXAMPLE}."
            )
        client = Agentplatform(
            url,
            api_key,
            retry_for=self.retry_for,
            connect_for=CONNECT_SECONDS,
            on_retry=lambda retry: self.progress.retries(retry) if self.progress else None,
        )
        click.get_current_context().call_on_close(client.close)
        return client

    def watched(self, *, has_lines: bool, has_text: bool = False) -> Progress:
        """What shows a task's progress, and tells of retries from now on."""
        self.progress = Progress(has_lines=has_lines, has_text=has_text, is_quiet=self.is_quiet)
        return self.progress


@click.group(epilog=exits.TABLE, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--url", envvar="AGENTPLATFORM_URL", show_envvar=True, help="Where the platform is.")
@click.option(
    "--api-key", envvar="AGENTPLATFORM_API_KEY", show_envvar=True, help="Better in the environment or the file."
)
@click.option("--config", "config_path", envvar=config.FILE_VARIABLE, show_envvar=True, metavar="FILE",
              help="A file with url and api_key; ~/.config/agentplatform/config.toml when left out.")  # fmt: skip
@click.option("--retry-for", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS",
              help="How long a server that is away is tried again.")  # fmt: skip
@click.option("--quiet", "-q", "is_quiet", is_flag=True, help="Answers and errors only.")
@click.version_option(__version__, prog_name="agentctl", message="%(prog)s %(version)s")
@click.pass_context
def agentctl(context: click.Context, /, **options: Any) -> None:
    """Run tasks on an Agentplatform, watch them, and answer their questions."""
    context.obj = Session(**options)


def run(arguments: list[str] | None = None) -> int:
    """Do what the arguments say, and give the exit code. Every error is one line on standard error."""
    from agentplatform_client.cli import commands  # noqa: F401  # they put themselves into the group

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack a character
    try:
        ended = agentctl.main(arguments, prog_name="agentctl", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and error.option_name in COMMON:
            complain(f"{error.option_name} stands before the command: agentctl {error.option_name} … COMMAND")
        return exits.USAGE
    except click.ClickException as error:
        complain(error.format_message())
        return exits.USAGE
    except (click.Abort, KeyboardInterrupt):
        complain("Interrupted.")
        return exits.INTERRUPTED
    except OutputFailed as error:
        complain(str(error))
        return exits.OUTPUT
    except AgentplatformError as error:
        complain(exits.line_of(error))
        return exits.code_of(error)
    except (TypeError, ValueError) as error:
        complain(str(error))
        return exits.USAGE
    return ended if isinstance(ended, int) else 0
