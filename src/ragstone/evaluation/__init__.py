"""How good the answers are: real questions in, figures with their intervals out.

datasets.py    the three layouts that are read: relevance judgements, character spans, passages with answers
scratch.py     an index of a data set, beside the project's own, made by the project's own pipelines
runs.py        the three evaluations, each a function from a folder to a Report
metrics.py     nDCG, recall, MRR; overlap of spans; exact match and F1 of answers; bootstrap intervals
compare.py     whether one configuration is better than another, question by question
questions.py   questions of a person about the project's documents, or drafted from their words
tune.py        the best configuration for a corpus, measured on it
findings.py    what that comparison found, in sentences
plot.py        and as a picture
ablate.py      what each layer of a prompt file is worth, and what it costs
plot_ablation.py   and as a picture
canvas.py      lines, dots and words as SVG or PNG
rewrite.py     keys of `retrieve:` changed in a pipeline's file, everything else left as it stands
report.py      what a run found, as a table and as JSON
"""
