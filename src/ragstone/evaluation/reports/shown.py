"""What a report shows of one run, or of two side by side, computed once for every form that it is written in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.comparing import Change, Comparison, Flip, compare
from ragstone.evaluation.suites.figures import Figure, figures, scores
from ragstone.evaluation.suites.kept import Run

__all__ = ["Flipped", "Held", "Missed", "Shown", "Side", "of_run", "of_two"]


SAYING = frozenset({"expected", "contains", "not_contains", "rubric"})  # fields of a case that are about the answer


class Held(Protocol):
    """A gate of a pipeline: what was asked for, what was found, and whether that is enough."""

    @property
    def pipeline(self) -> str:
        """Whose gate it is."""
        ...

    @property
    def asked(self) -> str:
        """`contained at least 0.8`."""
        ...

    @property
    def found(self) -> str:
        """`0.85 (0.75 to 0.95)`."""
        ...

    @property
    def passed(self) -> bool:
        """Whether it is enough."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One pipeline of one run; `label` is what the report calls it."""

    label: str
    run: Run
    pipeline: str
    outcomes: Sequence[Outcome]
    figures: Mapping[str, Figure]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the run knows of the pipeline: its prompt, its model."""
        return self.run.facts["pipelines"][self.pipeline]

    @property
    def model(self) -> str:
        """The models that have answered, or the one that was asked for; "" where neither is known."""
        said = {str(one.answer["model"]) for one in self.outcomes if one.answer.get("model")}
        return ", ".join(sorted(said)) or str(self.facts.get("model") or "")

    @property
    def repeated(self) -> bool:
        """Whether a case was asked more than once."""
        return any(one.repeat for one in self.outcomes)

    @property
    def prompt(self) -> str:
        """The prompt with its version; "" for a search alone."""
        said = {(str(one["name"]), str(one["version"])) for each in self.outcomes if (one := each.answer.get("prompt"))}
        return ", ".join(f"{name} {version}".strip() for name, version in sorted(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """A case that is right in one of two sides alone, by one metric or more; `flips` has one for each."""

    case: str
    question: str
    gained: bool
    flips: Sequence[Flip]
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What is missing for one reason: answers of cases that failed, or figures of a metric that raised."""

    label: str
    what: str
    reason: str
    cases: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One to many sides with their figures; where there are two with cases in common, the comparison as well."""

    title: str
    sides: Sequence[Side]
    metrics: Sequence[Metric]
    gates: Sequence[Held]
    comparison: Comparison | None

    @property
    def runs(self) -> list[Run]:
        """The runs that the sides are of, each once."""
        found: dict[int, Run] = {id(side.run): side.run for side in self.sides}
        return list(found.values())

    @property
    def main(self) -> Metric | None:
        """The metric that tells right from wrong: one that judges an answer by what it should say, if there is any.

        Among several it is the one of most cases, and of these the first.
        """
        telling = [one for one in self.metrics if one.passing is not None and self._cases(one)]
        judging = [one for one in telling if one.needs & SAYING]
        return max(judging or telling, key=self._cases, default=None)

    @property
    def tags(self) -> list[str]:
        """Those of the cases, the most frequent first."""
        counts: dict[str, set[str]] = {}
        for side in self.sides:
            for one in side.outcomes:
                for tag in one.case.tags:
                    counts.setdefault(tag, set()).add(one.case.id)
        return sorted(counts, key=lambda tag: (-len(counts[tag]), tag))

    @property
    def flipped(self) -> list[Flipped]:
        """The cases that flipped; those first that did by the main metric."""
        if self.comparison is None:
            return []
        main = self.main
        groups: dict[tuple[str, bool], list[Flip]] = {}
        for flip in self.comparison.flips:
            groups.setdefault((flip.case, _gained(flip, self.metrics)), []).append(flip)
        first, second = (_first(side.outcomes) for side in self.sides)
        found = [
            Flipped(
                case=case,
                question=flips[0].question,
                gained=gained,
                flips=flips,
                before=first[case],
                after=second[case],
            )
            for (case, gained), flips in groups.items()
        ]
        return sorted(found, key=lambda one: main is None or all(flip.metric != main.name for flip in one.flips))

    @property
    def changes(self) -> Mapping[str, Change]:
        """The difference of each metric, where two sides are compared."""
        return {} if self.comparison is None else self.comparison.changes

    @property
    def missed(self) -> list[Missed]:
        """What is missing, the most frequent reason first."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for side in self.sides:
            for one in side.outcomes:
                for what, reason in _missing(one):
                    found.setdefault((side.label, what, reason), []).append(one.case.id)
        each = [
            Missed(label=label, what=what, reason=reason, cases=cases) for (label, what, reason), cases in found.items()
        ]
        return sorted(each, key=lambda one: -len(one.cases))

    def worst(self, side: Side, most: int) -> list[tuple[Outcome, float]]:
        """The cases of a side that are furthest from right by the main metric; none that is right."""
        main = self.main
        if main is None or main.passing is None:
            return []
        found, outcomes = scores(main, side.outcomes), _first(side.outcomes)
        wrong = sorted((score, case) for case, score in found.items() if score < main.passing)
        return [(outcomes[case], score) for score, case in wrong[:most]]

    def _cases(self, metric: Metric) -> int:
        return sum(side.figures[metric.name].cases for side in self.sides if metric.name in side.figures)


def of_run(run: Run, metrics: Iterable[Metric], *, gates: Iterable[Held] = ()) -> Shown:
    """A run with its pipelines side by side. It blocks, seconds for a thousand cases: intervals are drawn."""
    named = list(metrics)
    sides = [_side(run, name, name, named) for name in run.pipelines]
    return Shown(title=run.name, sides=sides, metrics=named, gates=tuple(gates), comparison=_compared(named, sides))


def of_two(
    before: Run,
    after: Run,
    metrics: Iterable[Metric],
    *,
    pipelines: tuple[str, str],
    gates: Iterable[Held] = (),
) -> Shown:
    """One pipeline of each of two runs. Raises UsageError where they have no case in common."""
    named = list(metrics)
    labels = _labels(before.name, after.name, pipelines)
    sides = [
        _side(run, pipeline, label, named)
        for run, pipeline, label in zip((before, after), pipelines, labels, strict=True)
    ]
    found = compare(named, sides[0].outcomes, sides[1].outcomes)
    return Shown(
        title=f"{labels[1]} against {labels[0]}", sides=sides, metrics=named, gates=tuple(gates), comparison=found
    )


def _side(run: Run, pipeline: str, label: str, metrics: Sequence[Metric]) -> Side:
    outcomes = run.of(pipeline)
    return Side(label=label, run=run, pipeline=pipeline, outcomes=outcomes, figures=figures(metrics, outcomes))


def _labels(before: str, after: str, pipelines: tuple[str, str]) -> tuple[str, str]:
    first, second = pipelines
    if before != after:
        return (before, after) if first == second else (f"{before} ({first})", f"{after} ({second})")
    return (first, second) if first != second else (f"{before} (A)", f"{after} (B)")


def _compared(metrics: Sequence[Metric], sides: Sequence[Side]) -> Comparison | None:
    if len(sides) != 2:
        return None
    first, second = (_first(side.outcomes) for side in sides)
    # A run that was cut short may have nothing in common yet.
    return compare(metrics, sides[0].outcomes, sides[1].outcomes) if first.keys() & second.keys() else None


def _first(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """The first outcome of each case, one with an answer rather than an error."""
    found: dict[str, Outcome] = {}
    for one in outcomes:
        if one.case.id not in found or (found[one.case.id].error and not one.error):
            found[one.case.id] = one
    return found


def _gained(flip: Flip, metrics: Iterable[Metric]) -> bool:
    passing = next((one.passing for one in metrics if one.name == flip.metric), None)
    return passing is None or flip.after >= passing


def _missing(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.error:
        yield "answer", outcome.error
    yield from outcome.missed.items()
