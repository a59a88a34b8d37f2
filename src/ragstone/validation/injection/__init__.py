"""Finds text that gives orders to a model although whoever wrote it has no right to.

    text → pieces → rules, vectors → a score for each piece → the sentences that are flagged

What a person asks and what was found in documents are judged by two detectors, since an order is usual in the one and
strange in the other.
"""
