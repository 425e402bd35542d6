"""What a task would cost and whether it would be admitted, without running it."""
