"""The Django project, and what every app shares."""

__version__ = "1.0.0"
