"""The user's files, row by row, as tickets and first records."""
