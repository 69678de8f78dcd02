"""generations -> verified: what was answered, and whether it is right."""
