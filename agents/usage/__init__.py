"""What clients used: each ended task counted once, in daily roll-ups that outlive the tasks."""
