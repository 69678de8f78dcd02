"""What a program is like: its behaviour, its text, and the benchmarks that hold it."""
