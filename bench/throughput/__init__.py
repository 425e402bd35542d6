"""Requests a second of the platform and of its peers, side by side in one run."""
