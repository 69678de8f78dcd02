"""What becomes of a faulty program."""
