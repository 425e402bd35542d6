"""Agents as YAML: written so that people can read and keep them, and read with all that is wrong told at once."""
