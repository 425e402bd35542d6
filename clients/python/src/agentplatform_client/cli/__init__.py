"""The command `agentctl`. It wants the extra `cli`."""

import sys


def main() -> None:
    """Run `agentctl` with the program's arguments, and end the program."""
    try:
        from agentplatform_client.cli.program import run
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        sys.exit("agentctl needs more packages: pip install 'agentplatform-client[cli]'")
    sys.exit(run())
