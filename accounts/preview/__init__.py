"""What a changed rule would have decided about the requests of the last days."""
