"""What leaves a run: rows, rejects, report and summary."""
