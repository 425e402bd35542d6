"""Documents that operators upload, and the passages of them that agents find and cite.

Begin with models.py, then services.py (what comes in), reading.py (what becomes of it) and search.py (what is found).
"""
