"""What sends and waits, for `await`. The folder `_sync` is made of this one by `make_sync.py`; change it here."""
