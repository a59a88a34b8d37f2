"""Questions of your own, asked of your own pipelines.

suite.py      evals/*.yaml: which cases, which pipelines, which figures, which gates
reading.py    cases from JSONL and CSV
evidence.py   where that which answers a case stands in the index
running.py    asks every case of every pipeline, side by side, and goes on where a run was cut short
tools.py      what metrics may ask for: vectors, a judge, the support of claims
kept.py       a run as it lies in .ragstone/evals/
figures.py    what a run has shown: each metric with its interval, for all cases and for each tag
comparing.py  what has changed from one run to another, and which questions flipped
gates.py      what a figure must reach
drafting.py   cases from documents, for a person to confirm
feedback.py   cases from what people have said of answers
"""
