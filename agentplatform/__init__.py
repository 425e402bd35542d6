"""The Django project, and what every app shares."""

# The one place of the version: /health, the schema, `make release-check` and the image's label take it from here.
__version__ = "1.0.0"
