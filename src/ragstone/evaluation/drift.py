"""Whether people ask other questions by now, and whether they are answered otherwise.

    found = await drifted(of_cases("evals/handbook.jsonl", cases), of_traces("last 7 days", traces), embedder, ...)
    found.flagged          # the tests that say so, all of them corrected for their number
    found.new.groups       # questions that are unlike any of before, by topic: candidates for new cases

Questions are compared by their vectors, each counted once however often it was asked: a question that one person
repeats is no sign of anything. Scores are compared of every request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.errors import EmbedderError
from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.two_samples import Far, Shift, alike, energy, far, groups, holm, shift, stability
from ragstone.protocols import Embedder
from ragstone.state.feedback import Feedback
from ragstone.text.answers import plain_words
from ragstone.trace import StoredTrace
from ragstone.types import Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST", "LEVEL", "SCORES", "Asked", "Drift", "Window", "drifted", "of_cases", "of_outcomes", "of_traces"]

FEWEST = 20
"""Questions, or values of a score, that each side needs: fewer have no 95th percentile, and an interval says little."""

LEVEL = 0.05
AT_ONCE = 512  # questions that are embedded together
SPARE = 8  # tokens of a window that are left for special ones

SCORES: Mapping[str, str] = {
    "abstained": "share of abstentions",
    "disliked": "share of thumbs down",
    "confidence": "confidence of the answers",
    "similarity": "cosine of the nearest passage",
    "seconds": "seconds to the answer",
    "cost": "USD a question",
}
SHARES = ("abstained", "disliked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and the scores that are known of its answer by their name in SCORES."""

    question: str
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    trace: str = ""
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was asked in a while, or stands in a suite. `thumbs` are 1 for each that points down, else 0."""

    name: str
    asked: Sequence[Asked]
    thumbs: Sequence[float] = ()

    def values(self, score: str) -> list[float]:
        """All that are known of one score."""
        if score == "disliked":
            return list(self.thumbs)
        return [one.scores[score] for one in self.asked if score in one.scores]

    def different(self) -> list[Asked]:
        """Each question once, as it comes first."""
        found: dict[str, Asked] = {}
        for one in self.asked:
            found.setdefault(" ".join(plain_words(one.question)) or one.question, one)
        return list(found.values())


def of_traces(name: str, traces: Iterable[StoredTrace], feedback: Iterable[Feedback] = ()) -> Window:
    """What was answered, and what people have said of it. Searches, and requests that failed, are left out."""
    asked = [
        Asked(
            question=one.facts["question"],
            scores=_known({**one.facts, "seconds": one.seconds}, one.facts["outcome"] == "abstained"),
            trace=one.id,
            principals=one.principals,
        )
        for one in traces
        if one.facts.get("outcome") in ("answered", "abstained") and one.facts.get("question")
    ]
    thumbs = [float(not one.good) for one in feedback if one.good is not None]
    return Window(name=name, asked=asked, thumbs=thumbs)


def of_outcomes(name: str, outcomes: Iterable[Outcome]) -> Window:
    """What one pipeline has said in a kept run; of a case that was asked several times the first answer counts."""
    asked: list[Asked] = []
    for one in outcomes:
        if one.repeat:
            continue
        near = [hit["scores"]["dense"] for hit in one.answer.get("hits", ()) if "dense" in hit.get("scores", {})]
        facts = {**one.answer, "seconds": one.seconds, "similarity": max(near, default=None)}
        scores = _known(facts, one.abstained) if "text" in one.answer else {}
        asked.append(Asked(question=one.case.question, scores=scores))
    return Window(name=name, asked=asked)


def of_cases(name: str, cases: Iterable[Case]) -> Window:
    """The questions of a suite, of which no score is known."""
    return Window(name=name, asked=[Asked(question=case.question) for case in cases])


def _known(facts: Mapping[str, Any], abstained: bool) -> dict[str, float]:
    plain = {score: facts.get(score) for score in SCORES if score not in SHARES}
    return {"abstained": float(abstained)} | {name: float(it) for name, it in plain.items() if it is not None}


# ── What is found ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One score before and now. `adjusted` is its p after Holm's correction; `index` is None for a share."""

    values: tuple[int, int]  # how many there are on each side
    shift: Shift
    adjusted: float = 1.0
    index: tuple[float, float] | None = None  # the population stability index, and what chance gives on average


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """Questions that are unlike any of before, by topic: the largest first, in each the most typical one first."""

    far: Far
    groups: Sequence[Sequence[Asked]]
    adjusted: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What has changed. `untold` says of each test that could not be made why, and how much more it needs.

    `distance` is how different the questions are, from 0 to 1, with its p and the same after Holm's correction.
    """

    before: Window
    now: Window
    questions: tuple[int, int]  # different ones on each side
    distance: tuple[float, float, float] | None
    new: New | None
    scores: Mapping[str, Score]
    untold: Mapping[str, str]

    @property
    def flagged(self) -> list[str]:
        """The tests that find a change beyond doubt, by name: all of them together err in one of twenty cases."""
        tests = {name: score.adjusted for name, score in self.scores.items()}
        if self.distance is not None and self.new is not None:
            tests = {"questions": self.distance[2], "new": self.new.adjusted} | tests
        return [name for name, p in tests.items() if p <= LEVEL]

    def as_dict(self) -> dict[str, Any]:
        """The drift as `--json` prints it."""
        names = (("before", self.before, self.questions[0]), ("now", self.now, self.questions[1]))
        sides = {key: {"name": of.name, "asked": len(of.asked), "different": count} for key, of, count in names}
        told = self.distance and dict(zip(("distance", "p", "adjusted"), map(_rounded, self.distance), strict=True))
        return {
            **sides,
            "flagged": self.flagged,
            "questions": told,
            "new": None if self.new is None else _new_as_dict(self.new),
            "scores": {name: _score_as_dict(score) for name, score in self.scores.items()},
            "untold": dict(self.untold),
        }

    def candidates(self) -> list[dict[str, Any]]:
        """The new questions as lines of a file of cases: drafts, of which a person has to say what is right."""
        return [
            {
                "id": f"drift-{one.trace or f'{number}-{place}'}",
                "question": one.question,
                "tags": ["drift", f"topic-{number}"],
                "draft": True,
                **({"principals": list(one.principals)} if one.principals else {}),
            }
            for number, group in enumerate(self.new.groups if self.new else (), 1)
            for place, one in enumerate(group, 1)
        ]


async def drifted(before: Window, now: Window, embedder: Embedder, *, context: Context, seed: int = 0) -> Drift:
    """Compares two windows. Raises EmbedderError where the embedder cannot be used."""
    untold: dict[str, str] = {}
    first, second = before.different(), now.different()
    seen = _compared(before, now, seed, untold)
    distance: tuple[float, float] | None = None
    new: New | None = None
    if why := _too_few((before.name, len(first)), (now.name, len(second))):
        untold["questions"] = why
    else:
        vectors = [await _vectors([one.question for one in some], embedder, context) for some in (first, second)]
        distance = energy(*vectors, seed=seed)
        found = far(*vectors)
        topics = groups(vectors[1][list(found.places)], within=found.threshold)
        new = New(far=found, groups=[[second[found.places[at]] for at in topic] for topic in topics])
    ps = [score.shift.p for score in seen.values()]
    corrected = holm([*ps, *([distance[1], new.far.p] if distance and new else [])])
    return Drift(
        before=before,
        now=now,
        questions=(len(first), len(second)),
        distance=distance and (*distance, corrected[-2]),
        new=new and New(far=new.far, groups=new.groups, adjusted=corrected[-1]),
        scores={
            name: Score(values=one.values, shift=one.shift, index=one.index, adjusted=p)
            for (name, one), p in zip(seen.items(), corrected, strict=False)
        },
        untold=untold,
    )


def _compared(before: Window, now: Window, seed: int, untold: dict[str, str]) -> dict[str, Score]:
    """The scores that can be told; a score with one value alone, such as a cost of nothing, is no test."""
    found: dict[str, Score] = {}
    for name in SCORES:
        first, second = before.values(name), now.values(name)
        if not first and not second:
            continue
        if why := _too_few((before.name, len(first)), (now.name, len(second))):
            untold[name] = why
        elif not alike(first, second):
            found[name] = Score(
                values=(len(first), len(second)),
                shift=shift(first, second, seed=seed),
                index=None if name in SHARES else stability(first, second),
            )
    return found


def _too_few(*sides: tuple[str, int]) -> str:
    short = [f"{count} in {name}" for name, count in sides if count < FEWEST]
    return f"{' and '.join(short)}, where {FEWEST} are needed" if short else ""


async def _vectors(texts: Sequence[str], embedder: Embedder, context: Context) -> NDArray[np.float64]:
    cut = [_beginning(text, embedder) for text in texts]
    parts = [cut[at : at + AT_ONCE] for at in range(0, len(cut), AT_ONCE)]
    found = [row for part in parts for row in await embedder.embed_queries(part, context=context)]
    return np.asarray(found, np.float64)


def _beginning(text: str, embedder: Embedder) -> str:
    """As much of a question as the embedder reads."""
    try:
        places = embedder.tokens(text)[1]
    except EmbedderError:  # it has no tokenizer
        return text
    most = embedder.window - SPARE
    return text if len(places) <= most else text[: places[most][0]]


# ── As JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rounded(value: float) -> float:
    return round(value, 6)


def _new_as_dict(new: New) -> dict[str, Any]:
    return {
        "share": _rounded(new.far.share),
        "interval": [_rounded(bound) for bound in new.far.interval],
        "expected": _rounded(new.far.expected),
        "threshold": _rounded(new.far.threshold),
        "p": _rounded(new.far.p),
        "adjusted": _rounded(new.adjusted),
        "topics": [[one.question for one in group] for group in new.groups],
    }


def _score_as_dict(score: Score) -> dict[str, Any]:
    index, chance = score.index or (None, None)
    return {
        "before": _rounded(score.shift.before),
        "now": _rounded(score.shift.now),
        "difference": _rounded(score.shift.difference),
        "interval": [_rounded(bound) for bound in score.shift.interval],
        "p": _rounded(score.shift.p),
        "adjusted": _rounded(score.adjusted),
        "psi": index and _rounded(index),
        "psi_by_chance": chance and _rounded(chance),
        "detectable": _rounded(score.shift.detectable),
        "values": list(score.values),
    }
