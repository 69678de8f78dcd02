"""What is paid for, written and finished: one SQLite file, and the files that follow from it."""
