"""A report as one HTML file that asks nobody for anything: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from ragstone import __version__
from ragstone.evaluation import digits
from ragstone.evaluation.digits import bare, number
from ragstone.evaluation.metrics.known import metric as known
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.reports import wording
from ragstone.evaluation.reports.cases import Asked, Excerpt, Room, Words, asked, cited, words
from ragstone.evaluation.reports.pictures import pictures
from ragstone.evaluation.reports.shown import Flipped, Shown
from ragstone.evaluation.suites.comparing import Change
from ragstone.evaluation.suites.figures import Figure, column

__all__ = ["first_figures", "page", "runs_page"]

CASES = 8_000_000  # bytes of a page for the questions and answers; all else takes some hundred thousand
FLIPS, WORST, TAGS = 100, 10, 100
MOST = {"gates": 200, "findings": 50, "reasons": 50, "notes": 50}
FIRST = 3  # figures of a run in a list of many
ANSWER = 1_500  # characters of an answer beside another one
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

DARK = {
    "#ffffff": "#161b22",
    "#1f2328": "#e6edf3",
    "#6e7781": "#9198a1",
    "#d8dee4": "#30363d",
    "#0969da": "#4493f8",
    "#bc4c00": "#f0883e",
    "#1a7f37": "#3fb950",
    "#8250df": "#ab7df8",
    "#bf3989": "#db61a2",
    "#9a6700": "#d29922",
    "#cf222e": "#f85149",
}
"""The colors of pictures, each with what a dark screen has in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A metric as the table has it: its figure on each side, and their difference."""

    metric: Metric
    cells: Sequence[Figure | None]
    change: Change | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """The questions with a tag: how many, and for each metric its figure on each side and their difference."""

    name: str
    cases: int
    cells: Sequence[tuple[Sequence[str], Change | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turned:
    """A flipped question with both answers."""

    flipped: Flipped
    anchor: str | None
    metrics: str
    answers: Sequence[tuple[str, Words, Sequence[Excerpt]]]


def page(shown: Shown) -> str:
    """The page. What others wrote (questions, answers, documents) is text in it and nothing else, whatever it holds.

    It blocks, seconds for a thousand cases.
    """
    room = Room.of(CASES, sum(len(side.outcomes) for side in shown.sides))
    every = asked(shown, room)
    cases = _fitting(every)
    anchors = {one.case.id: one.anchor for one in every[: len(cases)]}
    measured = [one for one in shown.metrics if any(one.name in side.figures for side in shown.sides)]
    template = _template("report.html")
    html = template.render(
        shown=shown,
        digits=digits,
        wording=wording,
        version=__version__,
        dark=DARK,
        most=MOST,
        rows=[_row(shown, metric) for metric in measured],
        measured=measured,
        pictures=[(one, Markup(one.canvas.svg())) for one in pictures(shown)],  # noqa: S704  # it escapes its words
        tags=[_tag(shown, tag, measured) for tag in shown.tags[:TAGS]],
        turned=[_turned(shown, one, anchors) for one in shown.flipped[:FLIPS]],
        worst=[(side, shown.worst(side, WORST)) for side in shown.sides],
        contamination=[one for run in shown.runs for one in run.facts.get("contamination", ())],
        notes=list(dict.fromkeys(note for run in shown.runs for note in run.facts.get("notes", ()))),
        cases=cases,
        left_out=len(every) - len(cases),
        anchors=anchors,
    )
    return _UNSEEN.sub("\ufffd", html.lstrip())


def runs_page(project: str, listed: Sequence[Mapping[str, Any]]) -> str:
    """The kept runs as a page, the newest first, as `Shelf.listed` gives them: each with a link to its own page.

    From the second run of a suite on there is one to what has changed since the one before, where each has one
    pipeline.
    """
    before: dict[str, str | None] = {}
    last: dict[str, str] = {}
    for one in reversed(listed):
        if len(one.get("figures", ())) == 1:
            before[one["run"]] = last.get(one["suite"])
            last[one["suite"]] = one["run"]
    html = _template("runs.html").render(
        project=project, listed=listed, before=before, wording=wording, shown=first_figures, version=__version__
    )
    return _UNSEEN.sub("\ufffd", html.lstrip())


def first_figures(figures: Mapping[str, float]) -> str:
    """The first figures of a pipeline, on one line."""
    said = (f"{name} {number(value, known(name))}" for name, value in islice(figures.items(), FIRST))
    return ", ".join(said) or "no figure yet"


@cache
def _template(name: str) -> Template:
    source = files("ragstone.evaluation.reports").joinpath(name).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(source)


def _fitting(every: Sequence[Asked]) -> list[Markup]:
    """The cases as HTML, the first of them that a page has room for."""
    template, left, found = _template("case.html"), CASES, list[Markup]()
    for one in every:
        html = template.render(one=one)
        left -= len(html.encode(errors="replace"))
        if left < 0:
            break
        found.append(Markup(html))  # noqa: S704  # the template has escaped it
    return found


def _row(shown: Shown, metric: Metric) -> _Row:
    cells = [side.figures.get(metric.name) for side in shown.sides]
    return _Row(metric=metric, cells=cells, change=shown.changes.get(metric.name))


def _tag(shown: Shown, tag: str, metrics: Sequence[Metric]) -> _Tag:
    parts = [[one for one in side.outcomes if tag in one.case.tags] for side in shown.sides]
    changes: Mapping[str, Change] = shown.comparison.tags.get(tag, {}) if shown.comparison else {}
    return _Tag(
        name=tag,
        cases=len({one.case.id for part in parts for one in part}),
        cells=[([_value(metric, part) for part in parts], changes.get(metric.name)) for metric in metrics],
    )


def _value(metric: Metric, outcomes: Sequence[Outcome]) -> str:
    found = column(metric, outcomes)
    return bare(found.value(list(found.blocks)), metric) if found.blocks else "–"


def _turned(shown: Shown, flipped: Flipped, anchors: Mapping[str, str]) -> _Turned:
    named = {one.name: one for one in shown.metrics}
    return _Turned(
        flipped=flipped,
        anchor=anchors.get(flipped.case),
        metrics=", ".join(
            f"{one.metric} {bare(one.before, named[one.metric])} → {bare(one.after, named[one.metric])}"
            for one in flipped.flips
        ),
        answers=[
            (side.label, words(one.error or one.marked, ANSWER), cited(one))
            for side, one in zip(shown.sides, (flipped.before, flipped.after), strict=True)
        ],
    )
