"""Demo data: a believable busy platform, to look at the console and to measure it. `manage.py demodata` is the door.

Stories are played once, by the engine itself, with made-up models, tools and people (`acting.py`, `stories.py`); what they leave
behind, rows and journals, is kept as casts (`casts.py`) and stamped into the tables as often as wanted (`stamping.py`). All of it
belongs to clients whose names begin with “Demo: ” (`owners.py`), so `removing.py` finds it again.
"""
