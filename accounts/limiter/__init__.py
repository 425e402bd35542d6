"""The limiter: several limits, of four kinds, decided and charged as one.

`limiter.lua` is the rule; `redis_store.py` asks it, `process_store.py` is the same rule in the memory of one process.
"""
