"""Judges what a person asks: a linear classifier on the mean vector of the sentences, and on the rules they meet.

Ordinary questions are full of orders, so it is the whole that decides, and not one sentence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ragstone.validation.injection.features import Matrix, Read
from ragstone.validation.injection.weights import UserWeights

__all__ = ["VECTOR", "judge_user", "pooled"]

VECTOR = 4.0
"""How much larger a vector is made, so that the penalty on its weights is milder than that on the rules."""

TOP = 3  # sentences whose rules count most
OFTEN = 3  # a rule that is met more often counts no more


def pooled(read: Read) -> NDArray[np.float64]:
    """The vector of a prompt, and after it POOLED: one row for all of its sentences."""
    mean = read.vectors.mean(axis=0)
    mean = mean / max(float(np.linalg.norm(mean)), 1e-9)
    rules = read.shape.rules
    often = np.minimum(rules.sum(axis=0), OFTEN) / OFTEN
    most = np.sort(rules, axis=0)[-TOP:].mean(axis=0)
    letters = sum(len(piece.text) for piece in read.shape.pieces)
    size = [np.log1p(len(read.shape.pieces)), np.log1p(letters) / 3]
    return np.concatenate([mean * VECTOR, often, most, size]).astype(np.float64)


def judge_user(read: Read, weights: UserWeights) -> tuple[float, Matrix]:
    """How likely a prompt is an attack, in log odds, and what each of its sentences has added to that."""
    row = pooled(read)
    size = len(weights.vector.values)
    value = float(row[:size] @ weights.vector.values + row[size:] @ weights.features) + weights.constant
    rules = read.shape.rules.shape[1]
    share = weights.features[:rules] + weights.features[rules : 2 * rules]
    added = VECTOR * (read.vectors @ weights.vector.values) + read.shape.rules @ share
    return value, added.astype(np.float32)
