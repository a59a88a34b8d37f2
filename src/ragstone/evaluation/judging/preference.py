"""What a judge has made of pairs of answers: who has won, and how far its verdicts can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ragstone.evaluation.judging.notes import about_itself, named
from ragstone.evaluation.resampling import Interval
from ragstone.proportions import wilson

__all__ = ["FEWEST", "Compared", "Pair", "Place", "Preference", "Winner", "sign"]

Place: TypeAlias = Literal["first", "second", "equal"]
Winner: TypeAlias = Literal["A", "B", "tie"]

FEWEST = 5
"""The pairs from which on a lean to one place, or to longer answers, is told."""

_WINNERS: tuple[dict[Place, Winner], ...] = (
    {"first": "A", "second": "B", "equal": "tie"},
    {"first": "B", "second": "A", "equal": "tie"},
)
_LEANS: dict[Place, int] = {"first": 1, "second": -1, "equal": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to one question, `a` and `b`, each with the model that wrote it, if that is known."""

    id: str
    question: str
    a: str
    b: str
    rubric: str = ""
    expected: tuple[str, ...] = ()
    writers: tuple[str, str] = ("", "")

    @property
    def words(self) -> tuple[int, int]:
        """The lengths of both."""
        return len(self.a.split()), len(self.b.split())

    @property
    def same(self) -> bool:
        """Whether both say the same, word for word: then nobody is asked."""
        return self.a.split() == self.b.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the judge has said of one pair: with A in the first place, and then with B there.

    It has said nothing where both answers are the same. `error` says why there is no verdict.
    """

    pair: Pair
    verdicts: tuple[Place, Place] | None = None
    error: str = ""

    @property
    def consistent(self) -> bool:
        """Whether both orders say the same of A and B."""
        return self.verdicts is not None and _WINNERS[0][self.verdicts[0]] == _WINNERS[1][self.verdicts[1]]

    @property
    def winner(self) -> Winner:
        """A or B where both orders say so; else a tie."""
        return _WINNERS[0][self.verdicts[0]] if self.verdicts is not None and self.consistent else "tie"

    @property
    def lean(self) -> int:
        """1 where the verdicts lean to the first place, -1 to the second; 0 where they agree on an answer.

        Verdicts that differ always lean: an answer that is only a little better gets an "equal" in one order, and is
        as likely to get it in either, unless the place counts.
        """
        if self.verdicts is None or self.consistent:
            return 0
        return 1 if sum(_LEANS[one] for one in self.verdicts) > 0 else -1

    def as_dict(self) -> dict[str, Any]:
        """The verdict as `--json` prints it."""
        return {
            "case": self.pair.id,
            "winner": None if self.error else self.winner,
            "consistent": None if self.verdicts is None else self.consistent,
            "verdicts": None if self.verdicts is None else list(self.verdicts),
            "error": self.error or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What a judge has made of many pairs."""

    compared: Sequence[Compared]

    @property
    def judged(self) -> list[Compared]:
        """Those that it was asked about, and that both orders have a verdict on."""
        return [one for one in self.compared if one.verdicts is not None]

    @property
    def same(self) -> int:
        """Pairs of which both answers are the same: ties, about which nobody was asked."""
        return sum(one.pair.same and not one.error for one in self.compared)

    @property
    def missed(self) -> list[Compared]:
        """Those without a verdict."""
        return [one for one in self.compared if one.error]

    def count(self, winner: Winner) -> int:
        """How many pairs A or B has won, or that are ties."""
        return sum(one.winner == winner for one in self.compared if not one.error)

    @property
    def consistency(self) -> tuple[int, int]:
        """How many of those that were asked about have the same verdict in both orders, and how many there are."""
        judged = self.judged
        return sum(one.consistent for one in judged), len(judged)

    @property
    def first(self) -> tuple[int, int]:
        """How many of the others lean to the first place, and how many there are. Without a bias it is half."""
        leans = [one.lean for one in self.judged if one.lean]
        return leans.count(1), len(leans)

    @property
    def longer(self) -> tuple[int, int]:
        """How many wins are the longer answer's, and how many wins there are where one is longer."""
        wins = [one for one in self.judged if one.winner != "tie" and one.pair.words[0] != one.pair.words[1]]
        return sum((one.winner == "A") == (one.pair.words[0] > one.pair.words[1]) for one in wins), len(wins)

    @property
    def p(self) -> float:
        """The probability of wins at least as uneven between answers that are equally good: see `sign`."""
        return sign(self.count("A"), self.count("B"))

    def as_dict(self) -> dict[str, Any]:
        """The figures as `--json` prints them."""
        shares = {"consistency": self.consistency, "first": self.first, "longer": self.longer}
        return {
            "pairs": len(self.compared),
            "wins": {"A": self.count("A"), "B": self.count("B")},
            "ties": self.count("tie"),
            "same": self.same,
            "missed": len(self.missed),
            "p": round(self.p, 6),
            **{name: _as_dict(*counts) for name, counts in shares.items()},
            "verdicts": [one.as_dict() for one in self.compared],
        }

    def notes(self, *, name: str, models: Collection[str]) -> list[str]:
        """What a reader must know of the judge, in sentences."""
        writers = [writer for one in self.judged for writer in one.pair.writers]
        return [f"The judge is {named(name, models)}.", *about_itself(writers, models), *_leanings(self)]


def _as_dict(count: int, of: int) -> dict[str, Any]:
    if not of:
        return {"count": 0, "of": 0, "share": None, "interval": None}
    return {
        "count": count,
        "of": of,
        "share": round(count / of, 6),
        "interval": [round(end, 6) for end in wilson(count, of)],
    }


def sign(one: int, other: int) -> float:
    """The two-sided sign test: how probable wins so uneven are by the throw of a coin. Ties are left out.

    >>> sign(9, 1)
    0.021484375
    """
    wins, ways, as_far = one + other, 1, 0
    for count in range(min(one, other) + 1):
        as_far += ways
        ways = ways * (wins - count) // (count + 1)
    return min(1.0, 2 * as_far / 2**wins)


def _leanings(found: Preference) -> list[str]:
    """Sentences on the bias to a place, and to length."""
    consistent, judged = found.consistency
    if not judged:
        return ["Nothing was asked: every pair holds the same answer twice."]
    said = [f"{consistent:,} of {judged:,} verdicts stayed the same when the answers changed places."]
    if found.first[1]:
        said.append(_leaning(found.first, _place, "of those that changed, {count:,} of {of:,} lean to the first place"))
    if found.longer[1]:
        said.append(_leaning(found.longer, _length, "{count:,} of {of:,} wins are those of the longer answer"))
    return said


def _leaning(counts: tuple[int, int], tells: Callable[[Interval], str], words: str) -> str:
    count, of = counts
    low, high = wilson(count, of)
    told = words.format(count=count, of=of)
    meaning = tells((low, high)) if of >= FEWEST else f"From fewer than {FEWEST} nothing can be told."
    return f"{told[0].upper()}{told[1:]} (95 % interval {low:.2f} to {high:.2f}). {meaning}"


def _place(interval: Interval) -> str:
    low, high = interval
    if low <= 0.5 <= high:
        return "A bias to one place is not shown."
    which = "first" if low > 0.5 else "second"
    return f"The judge leans to the {which} place; what differs counts as a tie, so it decides nothing here."


def _length(interval: Interval) -> str:
    low, high = interval
    if low <= 0.5 <= high:
        return "A bias to length is not shown."
    which = "longer" if low > 0.5 else "shorter"
    return f"The {which} answers may be better, or the judge favours them: exchanging places does not mend that."
