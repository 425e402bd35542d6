"""HTTP headers that an operator may set."""

import re

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
# The connection's own, and those by which a message is read.
OURS = {
    "host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade", "expect",
    "keep-alive", "proxy-connection", "accept", "accept-encoding",
}  # fmt: skip


def fault(name: str, value: str) -> str:
    """Why a header cannot be sent; empty when it can. The value is not repeated."""
    if not NAME.fullmatch(name):
        return "a header's name takes letters, digits and hyphens, such as Authorization."
    if name.lower() in OURS or name.lower().startswith("mcp-"):
        return f"the header {name} is set by the platform itself."
    if not VALUE.fullmatch(value):
        return f"the value of {name} has a character that no header may have; it takes plain ASCII."
    return ""
