"""Re-executes a run folder and names the rows that do not reproduce."""
