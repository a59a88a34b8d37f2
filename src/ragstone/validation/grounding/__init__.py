"""Whether an answer rests on its passages: citing ties its claims to their words, and the check judges each sentence.

markers → citing                      what each [1] of an answer quotes
claims → facts, support → check       what of it the passages do not say
passages ↗
"""
