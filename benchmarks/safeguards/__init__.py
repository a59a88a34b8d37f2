"""The measurements of checks, one file for each: `benchmarks/safety.py` is their door."""
