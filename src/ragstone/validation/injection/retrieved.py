"""Judges text that was found, sentence by sentence: what it asks, and how little it belongs where it stands.

Half of such attacks are harmless questions that are wrong only because they stand in a document. So a sentence is
compared with the others of its text, and no rule decides alone.
"""

from __future__ import annotations

import numpy as np

from ragstone.validation.injection.features import Matrix, Read, blocks, features
from ragstone.validation.injection.weights import Direction, RetrievedWeights

__all__ = ["SLOPE", "asks", "judge_retrieved", "table"]

SLOPE = 4.0
"""Log odds over which `asks` goes from undecided to almost sure."""


def asks(vectors: Matrix, direction: Direction) -> Matrix:
    """How much each vector looks like a request to somebody, in [-1, 1]."""
    return np.tanh((vectors @ direction.values + direction.constant) / SLOPE).astype(np.float32)


def table(read: Read, direction: Direction) -> Matrix:
    """The features of all pieces, each compared with those of its block."""
    wanted = asks(read.vectors, direction)
    parts = [
        features(read.shape.part(block), read.vectors[block], wanted[block]) for block in blocks(len(read.shape.pieces))
    ]
    return np.concatenate(parts)


def judge_retrieved(read: Read, weights: RetrievedWeights) -> Matrix:
    """How likely each piece is an attack, in log odds, shape (pieces,).

    In a long text much more must speak for it: each of many blocks could by chance hold something strange.
    """
    chances = np.log(len(blocks(len(read.shape.pieces))))
    return (table(read, weights.asks) @ weights.features + weights.constant - chances).astype(np.float32)
