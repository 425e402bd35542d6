"""Runs the whole platform from one command: starts its processes in order, watches them, stops them in order."""
