"""Records as rows of files, and back."""
