"""Records as rows of files, and rows of files as records."""
