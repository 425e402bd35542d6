"""The heart: a decider over an append-only journal. Plain Python without I/O; the runner performs what it decides.

evolve(state, event) -> state      folds the journal; nothing else makes state
decide(state)        -> effects    what to do next
"""
