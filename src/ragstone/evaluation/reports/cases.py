"""Every question with its answers, cut to what a page has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragstone.evaluation.cases import Case
from ragstone.evaluation.digits import number
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome, Passage
from ragstone.evaluation.reports.shown import Shown, Side
from ragstone.evaluation.suites.figures import scores

__all__ = ["Asked", "Excerpt", "Room", "Said", "Words", "asked", "cited", "state", "words"]

ANSWER, QUOTE = 4_000, 600  # characters that are shown of an answer, and of what it cites
WHOLE, SOME, HARDLY = 16_000, 4_000, 1_500  # characters that a page has for each answer, in three steps


@dataclass(frozen=True, slots=True)
class Words:
    """The beginning of a text, and how many characters of it are not shown."""

    text: str
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A passage of a document: where it stands, and as much of it as there is room for."""

    place: str
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one side has said to a question. `state` is one word for it, `right` whether that is as it should be."""

    label: str
    state: str
    right: bool | None
    text: Words
    error: str
    citations: Sequence[Excerpt]
    hits: Sequence[Excerpt]
    figures: Sequence[tuple[str, str]]
    facts: str
    flaws: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question with all that was said to it. `anchor` is where a page has it."""

    anchor: str
    number: int
    case: Case
    relevant: Sequence[str]
    said: Sequence[Said]


@dataclass(frozen=True, slots=True)
class Room:
    """How many passages are shown of an answer, and how many characters of each; 0 for its place alone."""

    passages: int
    characters: int

    @classmethod
    def of(cls, characters: int, answers: int) -> Room:
        """What `characters` come to for each of so many answers."""
        each = characters / max(answers, 1)
        steps = ((WHOLE, cls(20, 1_000)), (SOME, cls(10, 240)), (HARDLY, cls(5, 80)))
        return next((room for least, room in steps if each >= least), cls(3, 0))


def asked(shown: Shown, room: Room) -> list[Asked]:
    """The questions in the order of the first side, with the answers of all; those that only others have come last."""
    found: dict[str, list[tuple[Side, Outcome]]] = {}
    for side in shown.sides:
        for one in side.outcomes:
            found.setdefault(one.case.id, []).append((side, one))
    return [
        Asked(
            anchor=f"case-{at}",
            number=at,
            case=each[0][1].case,
            relevant=[_evidence(one.uri, one.start, one.end, one.grade) for one in each[0][1].case.relevant],
            said=[_said(shown, side, one, room) for side, one in each],
        )
        for at, each in enumerate(found.values(), 1)
    ]


def words(text: str, most: int) -> Words:
    """As much of a text as there is room for."""
    return Words(text) if len(text) <= most else Words(text[:most], len(text) - most)


def cited(outcome: Outcome) -> list[Excerpt]:
    """What an answer cites, in the order of its markers."""
    return _excerpts(outcome.citations, len(outcome.citations), QUOTE)


def state(outcome: Outcome, metric: Metric | None) -> tuple[str, bool | None]:
    """What an answer is in a word, and whether it is as it should be; None where nothing says so."""
    if outcome.error:
        return "failed", False
    if outcome.abstained:
        return "abstained", outcome.case.abstains
    if outcome.case.abstains and outcome.answers:
        return "answered", False
    score = None if metric is None else scores(metric, [outcome]).get(outcome.case.id)
    if metric is None or metric.passing is None or score is None:
        return ("answered" if outcome.answers else "searched"), None
    return ("right", True) if score >= metric.passing else ("wrong", False)


def _said(shown: Shown, side: Side, outcome: Outcome, room: Room) -> Said:
    word, right = state(outcome, shown.main)
    return Said(
        label=f"{side.label}, time {outcome.repeat + 1}" if side.repeated else side.label,
        state=word,
        right=right,
        text=words(outcome.marked, ANSWER),
        error=outcome.error,
        citations=_excerpts(outcome.citations, room.passages, min(QUOTE, room.characters)),
        hits=_excerpts(outcome.hits, room.passages, room.characters),
        figures=list(_figures(shown.metrics, outcome)),
        facts=", ".join(_facts(outcome)),
        flaws=[_flaw(one) for one in outcome.verdicts if not one.get("passed", True)],
    )


def _excerpts(passages: Sequence[Passage], most: int, characters: int) -> list[Excerpt]:
    shown = [
        Excerpt(place=_evidence(one.uri, one.start, one.end), words=words(" ".join(one.text.split()), characters))
        for one in passages[:most]
    ]
    more = len(passages) - len(shown)
    return [*shown, Excerpt(place=f"and {more} more", words=Words(""))] if more else shown


def _evidence(uri: str, start: int | None, end: int | None, grade: int = 1) -> str:
    where = uri if start is None or end is None else f"{uri}, characters {start:,} to {end:,}"
    return where if grade == 1 else f"{where}, grade {grade}"


def _figures(metrics: Iterable[Metric], outcome: Outcome) -> Iterable[tuple[str, str]]:
    for metric in metrics:
        score = metric.score(outcome.rows[metric.name]) if metric.name in outcome.rows else None
        if score is not None:
            yield metric.name, number(score, metric)


def _facts(outcome: Outcome) -> Iterable[str]:
    answer = outcome.answer
    if answer.get("model"):
        yield str(answer["model"])
    if answer:
        yield f"{outcome.seconds:.2f} s"
    if answer.get("cost"):
        yield f"{float(answer['cost']):.2g} USD"
    if outcome.confidence is not None:
        yield f"confidence {outcome.confidence:.2f}"
    if answer.get("cached"):
        yield "from the cache"


def _flaw(verdict: Mapping[str, Any]) -> str:
    reason, action = verdict.get("reason") or "failed", verdict.get("action")
    return f"{verdict.get('check')}: {reason}{f' ({action})' if action else ''}"
