"""What `manage.py doctor` and its page in the console look at, and what they say of it.

`findings.py` has the words, `examining.py` asks all checks that the setting DOCTOR_CHECKS names, `parts.py` has those of the
platform's own parts; each app has its own in its `doctor.py`.
"""
