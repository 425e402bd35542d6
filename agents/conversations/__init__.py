"""Conversations: what was said in earlier tasks, given to the model of the next one; one task at a time in each."""
