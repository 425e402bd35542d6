"""Webhooks: clients are told when their tasks end, by signed calls of an address they name.

Begin with `models.py`, then `deliveries.py` and `sender.py`.
"""
