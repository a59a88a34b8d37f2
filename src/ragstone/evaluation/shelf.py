"""The runs that a project has kept: which there are, what they have shown, and which gates they pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragstone.errors import RagstoneError, UsageError
from ragstone.evaluation.metrics.known import metric
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.reports.page import page, runs_page
from ragstone.evaluation.reports.shown import Shown, of_run, of_two
from ragstone.evaluation.suites.figures import column
from ragstone.evaluation.suites.gates import Gate, gates
from ragstone.evaluation.suites.kept import Run, Runs, read_facts
from ragstone.evaluation.suites.suite import EVALS, suite, suites
from ragstone.project import Project, find

__all__ = ["Shelf", "chosen", "metrics_of"]

NEWEST = 20  # runs that are listed


class Shelf:
    """The kept runs of the project folder that is here or above. It blocks. Raises ProjectNotFound.

    >>> shelf = Shelf("mydocs")
    >>> [one["run"] for one in shelf.listed()]
    ['handbook-3', 'handbook-2']
    >>> html = shelf.page("handbook-3", "handbook-2")
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.project = Project(find(Path(folder)))
        self.runs = Runs(self.project.root)

    def listed(self, name: str | None = None, *, limit: int = NEWEST) -> list[dict[str, Any]]:
        """The runs of a suite, or of all, the newest first: when, how many cases, the figures of each pipeline."""
        newest = sorted(self.runs.names(name), key=self._begun, reverse=True)
        return [self._listed(one) for one in newest[:limit]]

    def has(self, name: str) -> bool:
        """Whether a run of just this name is kept here: no path, and no abbreviation."""
        return name in self.runs.names()

    def gates(self, run: Run, baseline: str | None = None) -> list[Gate]:
        """The gates of a run, beside the baseline that is named, or that its suite names.

        Raises UsageError where a gate compares with a baseline and there is none.
        """
        known = run.facts["suite"] in suites(self.project.root)
        said = baseline or (suite(self.project, run.facts["suite"]).spec.baseline if known else None)
        if said is None:
            return gates(run)
        beside = self.project.root / EVALS / said
        return gates(run, baseline=self.runs.read(str(beside) if beside.is_dir() else said))

    def page(self, name: str, before: str | None = None) -> str:
        """What a run has shown, or what has changed to it from one before, as one HTML page.

        Gates are left out where one compares with a baseline that is not there. Raises UsageError for a run that there
        is not, and for two that have nothing in common or several pipelines.
        """
        run, earlier = self.runs.read(name), None if before is None else self.runs.read(before)
        return page(self._shown(run, earlier))

    def pages(self) -> str:
        """The runs as an HTML page, with links to the pages of each."""
        return runs_page(self.project.root.name, self.listed())

    def _shown(self, run: Run, earlier: Run | None) -> Shown:
        try:
            held = self.gates(run, None if earlier is None else earlier.name)
        except UsageError:
            held = []
        if earlier is None:
            return of_run(run, metrics_of(run), gates=held)
        pipelines = chosen(earlier, run, [])
        mine = [one for one in held if one.pipeline == pipelines[1]]
        return of_two(earlier, run, metrics_of(earlier, run), pipelines=pipelines, gates=mine)

    def _begun(self, run: str) -> float:
        try:
            return float(read_facts(self.runs.folder / run)["started"])
        except (RagstoneError, KeyError, TypeError, ValueError):
            return 0.0

    def _listed(self, name: str) -> dict[str, Any]:
        try:
            run = self.runs.read(name)
            facts, asked = run.facts, run.facts["cases"] * run.facts["repeats"] * len(run.pipelines)
            return {
                "run": run.name,
                "suite": facts["suite"],
                "started": facts["started"],
                "ended": facts["ended"],
                "cases": facts["cases"],
                "answers": len(run.outcomes),
                "asked": asked,
                "failed": sum(bool(one.error) for one in run.outcomes),
                "figures": {pipeline: _figures(run, pipeline) for pipeline in run.pipelines},
            }
        except RagstoneError as error:
            return {"run": name, "error": error.message}


def metrics_of(first: Run, *others: Run) -> list[Metric]:
    """The metrics that all of these runs have, in the order of the first."""
    shared = [name for name in first.facts["metrics"] if all(name in one.facts["metrics"] for one in others)]
    return [metric(name) for name in shared]


def chosen(first: Run, second: Run, named: Sequence[str]) -> tuple[str, str]:
    """Which pipeline of each run is compared. Raises UsageError where that is not clear."""
    found: list[str] = []
    for at, one in enumerate((first, second)):
        said = named[min(at, len(named) - 1)] if named else None
        if said is not None and said not in one.pipelines:
            raise UsageError(
                f"there is no pipeline {said!r}", where=one.name, expected="one of " + ", ".join(one.pipelines)
            )
        if said is None and len(one.pipelines) > 1:
            expected = "--pipeline with one of " + ", ".join(one.pipelines)
            raise UsageError("the run has several pipelines", where=one.name, expected=expected)
        found.append(said or next(iter(one.pipelines)))
    return found[0], found[1]


def _figures(run: Run, pipeline: str) -> dict[str, float]:
    found = (column(metric, run.of(pipeline)) for metric in metrics_of(run))
    return {rows.metric.name: round(rows.value(list(rows.blocks)), 6) for rows in found if rows.blocks}
