# Made by make_sync.py from _async/__init__.py; change that file, then `make client`.
"""What sends and waits, for plain calls. Made of the folder `_async` by `make_sync.py`; change it there."""
