"""The prompt texts, as files, and what fills them in."""
