"""Small jobs with answers that can be checked: `python -m bench.tasks`."""
