"""Actors around stages, the queues between them, and the books of what is live."""
