"""How good the answers are: real questions in, figures with their intervals out.

suites/        questions of your own, asked of your own pipelines: the file, the cases, a run, and its gates
metrics/       every figure: its formula, its range, its source
reports/       a run as a page, as a table, and in the forms that other tools read
datasets/      public data sets in their own layouts, asked of an index beside the project's own
plots/         figures as pictures

shelf.py       the runs that a project has kept, and their pages
cases.py       a question, and what is expected of its answer; outcomes.py: what came of it
lines.py       objects from files that people write by hand
digits.py      figures in as many digits as say something

contamination.py  which cases a prompt or an example already knows
drift.py          whether people ask other questions by now, and are answered otherwise; two_samples.py tests that

resampling.py  how sure a mean is
compare.py     whether one configuration is better than another, question by question
questions.py   questions of a person about the project's documents, or drafted from their words
tune.py        the best configuration for a corpus, measured on it; findings.py says what that has shown
rewrite.py     keys of `retrieve:` changed in a pipeline's file, everything else left as it stands
ablate.py      what each layer of a prompt file is worth, and what it costs
abstaining.py  how often the extractive model is silent where it should be
grading.py     how well each model of a route answers graded questions; difficulty.py learns from that
pairs.py       how well a semantic cache tells questions apart
injections/    how well injections are found
"""
