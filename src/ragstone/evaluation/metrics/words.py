"""How far the words of an answer are those of a right one. All figures lie between 0 and 1.

An abstention has no words, so it is wrong wherever some were expected.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence

from ragstone.evaluation.cases import Case
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome
from ragstone.text.answers import plain_words

__all__ = ["F1", "Contained", "Contains", "Exact", "contained", "exact", "f1", "holds", "right"]


def contained(answer: str, gold: Iterable[str]) -> float:
    """1 when the words of a right answer stand in the answer in their order, else 0."""
    said = f" {' '.join(plain_words(answer))} "
    return float(any(f" {' '.join(plain_words(right))} " in said for right in gold if plain_words(right)))


def exact(answer: str, gold: Iterable[str]) -> float:
    """1 when the answer is a right one but for case, punctuation and English articles, else 0."""
    said = plain_words(answer)
    return float(bool(said) and any(said == plain_words(right) for right in gold))


def f1(answer: str, gold: Iterable[str]) -> float:
    """The best harmonic mean of precision and recall of words (Rajpurkar et al. 2016, SQuAD).

    Chinese, Japanese, Korean and Thai count by character, as CMRC does (Cui et al. 2019): no spaces part their words.
    """
    return max((_f1(plain_words(answer), plain_words(right)) for right in gold), default=0.0)


def holds(text: str, words: str) -> bool:
    r"""Whether words stand in a text, sign by sign; capitals and where lines break do not count.

    It is the same question that `contains` asks in the tests of a prompt file.

    >>> holds("It ships\non 3 May.", "ships on 3 MAY")
    True
    """
    return _folded(words) in _folded(text)


def right(text: str, case: Case) -> bool:
    """Whether an answer is right by all that its case says of its words; never where nothing should be answered."""
    if case.abstains:
        return False
    return (not case.expected or contained(text, case.expected) > 0) and _fits(text, case)


def _f1(said: Sequence[str], right: Sequence[str]) -> float:
    same = sum((Counter(said) & Counter(right)).values())
    return 2 * same / (len(said) + len(right)) if same else 0.0


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _fits(text: str, case: Case) -> bool:
    return all(holds(text, words) for words in case.contains) and not any(
        holds(text, words) for words in case.not_contains
    )


# ── One figure of a suite ───────────────────────────────────────────────────────────────────────────────────────────


class _Worded(Metric):
    needs = frozenset({"expected"})

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The figure of one answer; None for a search alone."""
        return (self._of(outcome.text, outcome.case),) if "text" in outcome.answer else None

    @abstractmethod
    def _of(self, text: str, case: Case) -> float: ...


class Exact(_Worded):
    """Exact match: the share of answers that are a right one, word for word.

    exact = 1 when the words of the answer are those of an expected one in their order, without case, punctuation,
    markers and English articles, else 0.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
    """

    def _of(self, text: str, case: Case) -> float:
        return exact(text, case.expected)


class F1(_Worded):
    """F1 of words: how far the words of an answer are those of a right one, in any order.

    f1 = 2 · words in common / (words of the answer + words of the expected one), the best over the expected ones. Words
    are compared without case, punctuation and English articles; Chinese, Japanese, Korean and Thai by character.
    Range: 0 to 1, higher is better; the mean over the answers. A long answer that holds a short right one scores low.
    Source: Rajpurkar et al. 2016 (SQuAD); by character: Cui et al. 2019 (CMRC 2018).
    """

    def _of(self, text: str, case: Case) -> float:
        return f1(text, case.expected)


class Contained(_Worded):
    """Answers that contain a right one, word for word.

    contained = 1 when the words of an expected answer stand in the answer side by side and in their order, without
    case, punctuation and English articles, else 0.
    Range: 0 to 1, higher is better; the mean over the answers. A longer answer never scores lower.
    Source: known as accuracy in Mallen et al. 2023, "When Not to Trust Language Models".
    """

    def _of(self, text: str, case: Case) -> float:
        return contained(text, case.expected)


class Contains(_Worded):
    """Answers with all the words that must be there, and none of those that must not.

    contains = 1 when every one of the case's `contains` stands in the answer and none of its `not_contains`, else 0.
    Words stand there sign by sign; capitals and line breaks do not count, and `ship` stands in `ships`.
    Range: 0 to 1, higher is better; the mean over the answers.
    Source: Ragstone's own, as the checks of a prompt file's tests.
    """

    needs = frozenset({"contains", "not_contains"})

    def _of(self, text: str, case: Case) -> float:
        return float(_fits(text, case))
