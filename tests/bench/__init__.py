"""Benchmarks: each prints ratios of one run. `python -m tests.bench.NAME` from the checkout; none
is part of the tests."""
