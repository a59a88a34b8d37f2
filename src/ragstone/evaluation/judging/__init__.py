"""A model that judges answers by a prompt file, and how far its word can be trusted.

asking.py     asks the judge, a few questions side by side, and counts what that takes
grading.py    a grade from 1 to 5 for one answer
labels.py     grades that people have given
beside.py     the judge's grades of answers that people have graded
agreement.py  how far the judge's grades agree with people's
pairs.py      which of two answers is better, asked twice with their places exchanged
preference.py what comes of many pairs: wins, and what the judge leans to
notes.py      what a reader must know of a judge's figures
"""
