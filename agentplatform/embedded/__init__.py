"""The development run's own parts: PostgreSQL, Valkey and a local model as child processes.

Nothing is imported here, so that `agentplatform.embedded.addresses` stays cheap enough for settings.py.
"""
