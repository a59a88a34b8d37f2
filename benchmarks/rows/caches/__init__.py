"""What the rows about caches run; the ways to ask each cache lie in benchmarks/caches/, which caching.py has, too."""
