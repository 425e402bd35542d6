"""Data sets of test cases, runs of an agent's versions on them, and the gate that a version has to pass to be offered."""
