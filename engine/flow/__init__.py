"""Actors around stages, the queues between them, and the counts of what is live."""
