"""Holds five things to their speed: `make bench-guard` fails when one of them becomes slower than its reference allows.

thing.py         Thing: what is measured, and what beside
things/          the five: import, ingest, cache, overhead, render
measuring.py     repeats in turn, each in a process of its own
pins.py          ratios.json: the ratios that are held, and the machine that they come from
deciding.py      whether a ratio still holds
table.py         what is printed

A time says more about the machine than about the code, so none is kept. A ratio says how much longer ours takes than a
reference that does work of the same nature, on the same machine, in the same seconds, with nothing of ours in it.

What counts is the time that processors compute, so that a run beside other work says the same. What waits and computes
nothing, as for a disk or a lock, is not seen here: `make bench` shows it.
"""
