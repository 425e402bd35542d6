"""How much of a server is borne."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
# Of one line that is too long anyway, and of one stream of events.
MOST_BYTES_PASSED_OVER = 256 * 1024 * 1024
MAX_STREAM_BYTES = 64 * 1024 * 1024
# Lines that a command writes between two messages of ours.
MOST_LINES_UNASKED = 10_000
MAX_PAGES = 50
MAX_TOLD_CHARACTERS = 500

# The code of errors that we write in a server's place; JSON-RPC leaves it free.
OURS = -31_000
BROKEN_OFF = "the connection broke off"
TOO_LONG = f"its answer is longer than the {MAX_MESSAGE_BYTES // 1024**2} MiB allowed"
