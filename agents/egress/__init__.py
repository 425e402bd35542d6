"""The only way out to addresses that clients, models or operators name.

Each hop goes one way: its URL is read strictly (`targets.py`), its host is looked up and every address judged
(`addresses.py`, `permits.py`), and the connection is made to exactly these addresses (`connecting.py`, `opening.py`).
`client.py` is what callers use: `request` for a whole answer, `opened` for one that is read as it comes.
"""
