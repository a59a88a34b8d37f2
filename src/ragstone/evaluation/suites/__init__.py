"""Questions of your own, asked of your own pipelines.

suite.py      evals/*.yaml: which cases, which pipelines, which figures, which gates
reading.py    cases from JSONL and CSV
running.py    asks every case of every pipeline, side by side, and goes on where a run was cut short
kept.py       a run as it lies in .ragstone/evals/
figures.py    what a run has shown: each metric with its interval, for all cases and for each tag
comparing.py  what has changed from one run to another, and which questions flipped
gates.py      what a figure must reach
feedback.py   cases from what people have said of answers
"""
