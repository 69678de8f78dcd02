"""JSON text as values: its canonical form, its size, its types, and when two are equal."""
