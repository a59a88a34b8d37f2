"""How good the answers are: real questions in, figures with their intervals out.

datasets.py    the three layouts that are read: relevance judgements, character spans, passages with answers
scratch.py     an index of a data set, beside the project's own, made by the project's own pipelines
runs.py        the three evaluations, each a function from a folder to a Report
metrics.py     nDCG, recall, MRR; overlap of spans; exact match and F1 of answers; bootstrap intervals
compare.py     whether one configuration is better than another, question by question
tune.py        the best configuration for a corpus, measured on it
report.py      what a run found, as a table and as JSON
"""
