"""Guards read what goes in and out of the agents. Each is pure: text in, a verdict with the rule's name and a score out.

To add one: a module (or package, like `injection`) here that offers `check(text)`, with its test, and its call where the
text passes, in `agents.services`. A guard says what it found; what follows (nothing, a log line, a refusal) is the caller's.
"""
