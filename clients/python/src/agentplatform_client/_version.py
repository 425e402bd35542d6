"""The version of this package; that of the server is its own."""

__version__ = "1.0.0"
