"""What happens to a program with a fault."""
