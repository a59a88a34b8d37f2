"""`ragstone eval`: suites of your own questions, their runs, and what these have shown.

running.py       run, gate, compare
drafting.py      new
judging.py       judge, prefer
reporting.py     report, export, runs
contaminated.py  contamination
drifting.py      drift
"""
