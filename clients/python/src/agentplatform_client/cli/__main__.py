"""`python -m agentplatform_client.cli` is `agentctl`."""

from agentplatform_client.cli import main

main()
