"""What the rest of Ragstone sees: a model that writes no word of its own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ragstone.connectors.extractive.calibration import load, log_odds
from ragstone.connectors.extractive.judge import Judged, judge
from ragstone.errors import ConfigError
from ragstone.protocols import Capabilities, Embedder, Model
from ragstone.text.analyzer import terms
from ragstone.types import Completion, Context, Prompt
from ragstone.usage import Price

__all__ = ["ExtractiveModel"]

NOTICE = (
    "No generative model answered: these are the best matching sentences, quoted. "
    "To set one, name it under `route` in pipelines/answer.yaml."
)
ABSTAINED = "The documents hold no answer to this question."

_LEAST = log_odds(0.005)  # what a further sentence must reach
_CLOSE = 2.0  # from the third on, the log-odds that it may lie below the best
_SAME = 0.9  # of a sentence's terms: where a better one holds so many of them, it says nothing new


class ExtractiveModel(Model):
    """Answers with the best sentences of the passages, word for word, and abstains where the best is not good enough.

        The halibut project ships on 3 May 2031. [1]
        Its lead is Ana Ruiz. [1]

    `sentences` is the most that it quotes. `threshold` is how probable it must be, from 0 to 1, that the documents hold
    an answer; by default what was calibrated for their language.
    """

    capabilities = Capabilities(generative=False, local=True, price=Price(input=0, output=0))

    def __init__(self, embedder: Embedder, *, sentences: int = 3, threshold: float | None = None) -> None:
        if sentences < 1:
            raise ConfigError("sentences is out of range", expected="1 or more", found=str(sentences))
        if threshold is not None and not 0 < threshold < 1:
            raise ConfigError("threshold is out of range", expected="between 0 and 1", found=str(threshold))
        self.embedder, self.sentences = embedder, sentences
        self.threshold = None if threshold is None else log_odds(threshold)

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The best sentences, each on its line with the number of its passage, or the words for "no answer"."""
        begun = time.perf_counter()
        ranked = await self.ranked(prompt, context=context)
        answered = bool(ranked) and self.trusts(ranked[0])
        lines = [f"{each.sentence.text} [{each.sentence.number}]" for each in self.chosen(ranked)]
        return Completion(
            text="\n".join(lines) if answered else prompt.abstain or ABSTAINED,
            model=self.name or "extractive",
            finish_reason="stop" if answered else "abstain",
            abstained=not answered,
            notice=NOTICE,
            seconds=time.perf_counter() - begun,
        )

    async def ranked(self, prompt: Prompt, *, context: Context) -> list[Judged]:
        """Every sentence of the passages that can be quoted, the best one first."""
        asked, retrieved = prompt.slot("user"), prompt.slot("retrieved")
        judged = await judge(
            asked.text if asked else "",
            retrieved.hits if retrieved else (),
            embedder=self.embedder,
            calibration=load(),
            context=context,
        )
        return sorted(judged, key=lambda each: -each.rank)

    def chosen(self, ranked: Sequence[Judged]) -> list[Judged]:
        """The best sentence, a second where it may help, more where they are nearly as good; none repeats another."""
        return _chosen(ranked, self.sentences)

    def trusts(self, best: Judged) -> bool:
        """Whether the best sentence is good enough to be said."""
        return best.trust >= (best.scale.threshold if self.threshold is None else self.threshold)


def _chosen(ranked: Sequence[Judged], most: int) -> list[Judged]:
    chosen: list[Judged] = []
    said: list[set[str]] = []
    for each in ranked:
        if len(chosen) == most or (chosen and each.rank < _LEAST):
            break
        if len(chosen) >= 2 and each.rank < chosen[0].rank - _CLOSE:
            break
        own = set(terms(each.sentence.text, language=each.language))
        if all(len(own & other) < _SAME * len(own) for other in said):
            chosen.append(each)
            said.append(own)
    return chosen
