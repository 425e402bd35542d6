"""What can go wrong on the way out. The type tells the caller what to do; the message is for models, clients and operators.

EgressError
├── Refused          the platform does not go there: name another address; trying again changes nothing
├── Unreachable      nobody answered, or the answer broke off: it may work later
│   └── TookTooLong  the time was over
└── Unusable         it answered, and trying again gives the same: wrong type, too long, too many redirects
"""


class EgressError(Exception):
    """A request that gave nothing. The message names what was asked for, and no address behind it."""


class Refused(EgressError):
    """An address that the platform does not go to."""


class Unreachable(EgressError):
    """No answer, or half of one."""


class TookTooLong(Unreachable):
    """The time for the whole request was over."""


class Unusable(EgressError):
    """An answer that cannot be used."""
