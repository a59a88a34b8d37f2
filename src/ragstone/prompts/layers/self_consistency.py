"""Self-consistency: several samples vote, and the answer of most of them is given.

    layers:
      self_consistency: {on: true, n: 5, stop: adaptive, vote: answer}

The share of samples that agree is the answer's confidence. Wang et al. 2022 (arXiv 2203.11171); `stop: adaptive` asks
no further where the majority is as good as certain: Aggarwal et al. 2023 (arXiv 2305.11860).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import ClassVar, Literal

from pydantic import Field

from ragstone.errors import ModelError
from ragstone.plan import Call
from ragstone.prompts.layers.solving import Calls, Layer, Outcome, Solve, sampled
from ragstone.prompts.layers.switch import Switch
from ragstone.samples import noted
from ragstone.text.answers import alike
from ragstone.types import Prompt

__all__ = ["SelfConsistency", "Votes", "further", "sureness"]

NOTHING = "None of the {n} samples gave an answer that could be compared: the first one was taken."


class SelfConsistency(Switch):
    """`vote` names the field of the answer that is compared; a chain of thought in free text marks it by itself.

    `sure` is how certain the majority must be for `stop: adaptive` to ask no further.
    """

    n: int = Field(default=5, ge=2, le=100)
    stop: Literal["adaptive", "none"] = "adaptive"
    vote: str = ""
    sure: float = Field(default=0.95, gt=0.5, lt=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes(Layer):
    """Samples what lies inside it, and counts. `vote` takes from an outcome what is compared, or None."""

    name: ClassVar[str] = "self_consistency"

    spec: SelfConsistency
    vote: Callable[[Outcome], object]

    def plan(self, inner: Sequence[Call], *, longest: int | None) -> tuple[Call, ...]:
        """As many times the calls of what is sampled: all agree when all goes well."""
        usual = self._further((), 0) if self.spec.stop == "adaptive" else self.spec.n
        return sampled(inner, self.name, usual=usual, most=self.spec.n)

    async def run(self, prompt: Prompt, *, inner: Solve, calls: Calls) -> Outcome:
        """The first of the samples that gave the answer of the majority, with the share that agrees with it."""
        found: list[Outcome] = []
        lost, drawn = "", 0  # those that failed count among the drawn: they took their calls
        with calls.step("layer.self_consistency", n=self.spec.n) as step:
            while (more := self._further(found, drawn)) and not lost:
                drawn += more
                try:
                    found += await inner(prompt, n=more)
                except ModelError as error:
                    if not found:
                        raise
                    lost = f"Of {self.spec.n} samples {len(found)} {'was' if len(found) == 1 else 'were'} had: {error}"
            said = self._said(found)
            counts = Counter(each for each in said if each is not None)
            step.facts.update(samples=len(found), votes=dict(counts.most_common()))
        if not counts:
            return found[0].noting(lost, NOTHING.format(n=len(found)))
        first, agreeing = counts.most_common(1)[0]
        chosen = found[said.index(first)]
        completion = replace(chosen.completion, confidence=agreeing / len(found))
        return replace(chosen, completion=noted(completion, lost))

    def _said(self, found: Sequence[Outcome]) -> list[str | None]:
        return alike([self.vote(outcome) for outcome in found])

    def _further(self, found: Sequence[Outcome], drawn: int) -> int:
        left = self.spec.n - drawn
        if self.spec.stop == "none" or left == 0:
            return left
        counts = Counter(each for each in self._said(found) if each is not None)
        return further([count for _, count in counts.most_common(2)], left=left, sure=self.spec.sure)


# ── When the majority is certain ────────────────────────────────────────────────────────────────────────────────────


def sureness(first: int, second: int) -> float:
    """How certain it is that the answer with most votes is the more frequent one of the two, by a Beta distribution.

    The share p of the first among both has the density Beta(first + 1, second + 1), and P(p > 1/2) is a sum of binomial
    coefficients (Aggarwal et al. 2023, arXiv 2305.11860, equation 2).

    >>> sureness(4, 0)
    0.96875
    >>> sureness(1, 1)
    0.5
    """
    total = first + second + 1
    return sum(comb(total, place) for place in range(first + 1)) / 2**total


def further(counts: Sequence[int], *, left: int, sure: float) -> int:
    """How many samples to draw at once: the fewest after which it could be certain; 0 where it is.

    `counts` are the votes of the two most frequent answers. It is certain, too, when those left cannot change it.
    """
    first, second = (*counts, 0, 0)[:2]
    for more in range(left + 1):
        if sureness(first + more, second) >= sure or first + more > second + (left - more):
            return more
    return left
