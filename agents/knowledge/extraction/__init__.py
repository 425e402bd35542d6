"""From a file's bytes to passages, in plain Python without Django: it runs in a process of its own, which may be killed.

`__main__.py` is that process. A file of a format that nobody tested with care is an attack until proven otherwise.
"""
