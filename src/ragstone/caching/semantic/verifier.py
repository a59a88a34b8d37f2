"""Whether two questions mean the same: first vetoes that know no exception, then a small fitted model.

verifier = Verifier(shipped())
verifier.judge(asked, kept)   →  Judgement(same=False, score=0.0, check="numbers")
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ragstone.caching.semantic.calibration import Calibration
from ragstone.caching.semantic.features import compared
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.reading import language_of, plain, read
from ragstone.caching.semantic.vetoes import VETOES, refused

__all__ = ["CHECKS", "Judgement", "Verifier"]

CHECKS = ("near", *VETOES, "model")
"""Who may refuse, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether two questions are the same, how probable the model holds it to be, and else which check refused.

    `score` is 0 where a check before the model refused.
    """

    same: bool
    score: float
    check: str = ""


class Verifier:
    """Judges pairs of questions. `near` is the cosine below which two are never the same.

    It is symmetric, keeps no state, and takes about half a millisecond for a pair whose questions it has read before.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.near = calibration.near
        self._common = calibration.weights_of_stems()

    def judge(self, asked: Asked, kept: Asked) -> Judgement:
        """Whether a question that is asked means the same as one that is kept."""
        if plain(asked.text) == plain(kept.text):
            return Judgement(same=True, score=1.0)
        if float(np.dot(asked.vector, kept.vector)) < self.near:
            return Judgement(same=False, score=0.0, check="near")
        first, second = (asked, kept) if asked.text <= kept.text else (kept, asked)
        language = language_of(first.text, second.text)
        here, there = read(first.text, language), read(second.text, language)
        veto = refused(here, there)
        if veto:
            return Judgement(same=False, score=0.0, check=veto)
        found = compared(first, second, here, there, self._common)
        tokens = self.calibration.with_tokens if found.tokens is not None else None
        scale = tokens or self.calibration.without_tokens
        score = scale.score(found)
        same = score >= scale.threshold
        return Judgement(same=same, score=score, check="" if same else "model")
