"""The run file: its settings, how they are read, and which of them may change in a folder."""
