"""What a run has shown, for people and for other programs.

shown.py     what a report says, of one run or of two, computed once
wording.py   figures and results in words
pictures/    the figures as pictures
cases.py     every question with its answers, as much as a page has room for
page.py      one HTML file that needs nothing else, by report.html
table.py     Markdown for a pull request
exports/     what RAGAS, DeepEval and MLflow take
"""
