"""How many runs of words an answer shares with a right one: BLEU and ROUGE, by the packages that define them.

Both come with the extra `eval`: sacrebleu and rouge-score.
"""

from __future__ import annotations

import asyncio
import re
from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from ragstone.errors import MissingExtra
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome
from ragstone.text.answers import plain_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Bleu", "Rouge1", "Rouge2", "RougeL"]

ORDERS = 4  # BLEU counts runs of one to four words

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff]")
_FOREIGN = re.compile(r"[^\W\d_a-zA-Z]")  # a letter that rouge-score's own tokenizer drops


class _Counted(Metric):
    needs = frozenset({"expected"})
    passing = None
    package: ClassVar[str]

    def __init__(self, name: str, *, depth: int = 0) -> None:
        super().__init__(name, depth=depth)
        if find_spec(self.package) is None:
            hint = "Run: pip install 'ragstone[eval]'"
            raise MissingExtra(f"the metric {name!r} needs the package {self.package!r}", hint=hint)

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The counts of one answer, against all that are expected; None for a search alone."""
        if "text" not in outcome.answer:
            return None
        return await asyncio.to_thread(self._count, outcome.text, outcome.case.expected)

    @abstractmethod
    def _count(self, text: str, expected: Sequence[str]) -> Row: ...


# ── BLEU ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Bleu(_Counted):
    """BLEU: runs of one to four words that the answers share with the expected ones.

    bleu = brevity penalty · (p1 · p2 · p3 · p4)^¼, where pn is the share of the answers' runs of n words that an
    expected answer holds, counted over all answers together; it is a hundredth of what sacrebleu prints. Words are
    sacrebleu's: `13a`, or `zh` where an expected answer is Chinese, and `char` for Japanese, Thai, Lao, Khmer and
    Burmese. One answer's own score is the smoothed BLEU of a sentence.
    Range: 0 to 1, higher is better. It is meant for many answers; for short ones `f1` says more.
    Source: Papineni et al. 2002, "BLEU"; Post 2018, "A Call for Clarity in Reporting BLEU Scores" (sacrebleu).
    """

    package = "sacrebleu"

    def _count(self, text: str, expected: Sequence[str]) -> Row:
        """Lengths of the answer and of the nearest expected one, then matching runs and all runs, of one to four."""
        found = _bleu(_tokenizer(expected)).sentence_score(text, list(expected))
        return tuple(float(number) for number in (found.sys_len, found.ref_len, *found.counts, *found.totals))

    def figure(self, rows: NDArray[np.float64]) -> float:
        """BLEU of all answers together."""
        return _score(tuple(rows.sum(axis=0).tolist()), sentence=False)

    def score(self, row: Row) -> float | None:
        """BLEU of one answer."""
        return _score(row, sentence=True)


def _score(row: Row, *, sentence: bool) -> float:
    whole = [round(number) for number in row]
    found = _bleu("13a").compute_bleu(
        correct=whole[2 : 2 + ORDERS],
        total=whole[2 + ORDERS :],
        sys_len=whole[0],
        ref_len=whole[1],
        smooth_method="exp",
        effective_order=sentence,
    )
    return min(1.0, float(found.score) / 100)  # four shares of 1 come to a little more


def _tokenizer(expected: Sequence[str]) -> str:
    if any(_UNSPACED.search(text) for text in expected):
        return "char"
    return "zh" if any(_HAN.search(text) for text in expected) else "13a"


@cache
def _bleu(tokenizer: str) -> Any:
    return import_module("sacrebleu.metrics").BLEU(tokenize=tokenizer, effective_order=True)


# ── ROUGE ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Rouge(_Counted):
    package = "rouge_score"
    kind: ClassVar[str]

    def _count(self, text: str, expected: Sequence[str]) -> Row:
        foreign = any(_FOREIGN.search(one) for one in (text, *expected))
        scorer = _rouge(self.kind, foreign=foreign)
        return (float(scorer.score_multi(list(expected), text)[self.kind].fmeasure),)


class Rouge1(_Rouge):
    """ROUGE-1: single words that an answer shares with an expected one.

    rouge1 = 2 · precision · recall / (precision + recall) of single words, the best over the expected answers, by
    rouge-score without stemming. In texts with other letters than a to z words are found by Unicode, and Chinese,
    Japanese, Korean and Thai count by character.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """

    kind = "rouge1"


class Rouge2(_Rouge):
    """ROUGE-2: pairs of neighbouring words that an answer shares with an expected one.

    rouge2 = 2 · precision · recall / (precision + recall) of pairs of words, as with `rouge1`. An expected answer of
    one word has no pair: every answer to it gets 0.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """

    kind = "rouge2"


class RougeL(_Rouge):
    """ROUGE-L: the longest run of words, with gaps, that an answer shares with an expected one.

    rougeL = 2 · precision · recall / (precision + recall) of the longest common subsequence of words, as with `rouge1`.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """

    kind = "rougeL"


class _Words:
    """Words in any script, in the form that rouge-score asks its tokenizers for."""

    def tokenize(self, text: str) -> list[str]:
        return plain_words(text)


@cache
def _rouge(kind: str, *, foreign: bool) -> Any:
    return import_module("rouge_score.rouge_scorer").RougeScorer([kind], tokenizer=_Words() if foreign else None)
