"""What others would build, to measure against."""
