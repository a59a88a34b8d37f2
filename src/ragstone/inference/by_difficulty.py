"""Easy prompts to the first model of the list, hard ones up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from ragstone.inference.difficulty import Difficulty
from ragstone.inference.features import FEATURES, features
from ragstone.inference.strategies import Choice
from ragstone.protocols import Model
from ragstone.types import Context, Prompt

__all__ = ["ByDifficulty"]


class ByDifficulty:
    """By how much better a larger model is expected to answer this prompt: see `Difficulty`.

    Where the one that is needed fails, the larger ones follow, then the smaller ones, the nearest first. Models that
    were not calibrated come last.
    """

    name, quotes = "by_difficulty", True

    def __init__(self, difficulty: Difficulty) -> None:
        self.difficulty = difficulty

    async def order(self, models: Mapping[str, Model], prompt: Prompt, *, context: Context) -> Sequence[Choice]:
        """The one that the prompt needs first."""
        known = [name for name in self.difficulty.models if name in models]
        others = [Choice(name, "it was not calibrated, so it comes last") for name in models if name not in known]
        if not known:
            return others
        standard = self.difficulty.standard(await asyncio.to_thread(features, prompt))
        needed, gains = self.difficulty.needed(known, standard)
        at = known.index(needed)
        order = [needed, *known[at + 1 :], *reversed(known[:at])]
        return [*(self._choice(name, known, gains, standard) for name in order), *others]

    def _choice(self, name: str, known: Sequence[str], gains: Mapping[str, float], standard: Sequence[float]) -> Choice:
        threshold = self.difficulty.threshold
        after = known[known.index(name) + 1 :]
        if not after:
            why = (
                "what is too hard for the others goes to it"
                if len(known) > 1
                else "the only one that may answer of those that were calibrated"
            )
            return Choice(name, why, {"threshold": threshold})
        gain = gains[name]
        rival = max((self.difficulty.pair(name, other) for other in after), key=lambda pair: pair.gain(standard))
        weighed = self.difficulty.weighed(rival, standard)
        said = f"{rival.large} would gain {gain:+.2f}, the threshold is {threshold:+.2f}"
        told = "; ".join(f"{FEATURES[key]} {value:+.2f}" for key, value in weighed.items())
        figures = {"gain": gain, "threshold": threshold, "over": rival.large, "weighed": weighed}
        easy = "easy enough" if gain <= threshold else "too hard for it"
        return Choice(name, f"{easy}: {said} ({told})", figures)
