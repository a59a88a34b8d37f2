"""`ragstone eval drift`: whether people ask other questions by now, and whether they are answered otherwise."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ragstone.assembly import ProjectParts
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, IngestName, Json, ProjectFolder, Tenant, command
from ragstone.errors import UsageError
from ragstone.evaluation.drift import SCORES, Asked, Drift, Window, drifted, of_cases, of_outcomes, of_traces
from ragstone.evaluation.suites.kept import Runs
from ragstone.evaluation.suites.suite import named_cases, suites
from ragstone.project import Project, find
from ragstone.state.feedback import Feedback
from ragstone.trace import StoredTrace
from ragstone.types import Context

__all__ = ["drift"]

MOST = 1_000  # traces; more are not kept
SHOWN = 5  # topics, and questions of each
EXCERPT = 200  # characters of a question
NAMES = {"questions": "the questions as a whole", "new": "new questions", **SCORES}
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_SECONDS = {"h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    baseline: str | None
    since: str
    seconds: int
    tenant: str
    pipeline: str


@command
def drift(
    baseline: Annotated[
        str | None,
        typer.Argument(help="A kept run, a suite, or a file of cases. Without it: what was asked before --since."),
    ] = None,
    since: Annotated[str, typer.Option(metavar="SPAN", help="How far back now begins: 24h, 7d, 2w.")] = "7d",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write new questions as cases to complete.")
    ] = None,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 1 where a change is found.")] = False,
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Compare the questions and scores of the last days with a baseline. It shows what everyone has asked."""
    job = _Job(find(project), baseline, since, _span(since), tenant, pipeline)
    if output is not None and not output.parent.is_dir():
        raise UsageError("there is no such folder", where=str(output.parent))
    found, notes = asyncio.run(_drifted(job))
    if output is not None:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in found.candidates()]
        output.write_text("".join(lines), encoding="utf-8")
        notes.append(f"{len(lines):,} questions are in {output}, for a person to say what is right.")
    if as_json:
        show.as_json({**found.as_dict(), "notes": notes})
    else:
        _print(found)
        show.remarks(notes)
    if fail and found.flagged:
        raise typer.Exit(FAILED)


def _span(said: str) -> int:
    match = _SPAN.fullmatch(said)
    if match is None or not int(match[1]):
        raise UsageError("is no span of time", where="--since", expected="such as 24h, 7d or 2w", found=said)
    return int(match[1]) * _SECONDS[match[2]]


async def _drifted(job: _Job) -> tuple[Drift, list[str]]:
    """What has changed, and what has to be known of it."""
    baseline = _baseline(job)  # a mistake is told before anything is opened
    parts = ProjectParts(Project(job.root))
    try:
        traces = await asyncio.to_thread(parts.traces.newest, MOST, tenant=job.tenant)
        said = await asyncio.to_thread(parts.feedback.newest, tenant=job.tenant)
        begin = time.time() - job.seconds
        now = _window(f"the last {job.since}", traces, said, begin, float("inf"))
        before = baseline or _window("the time before", traces, said, 0.0, begin)
        index = await asyncio.to_thread(parts.index, tenant=job.tenant, pipeline=job.pipeline)
        found = await drifted(before, now, index.embedder, context=Context(tenant=job.tenant))
    finally:
        await parts.close()
    return found, _notes(traces, begin, own=baseline is not None)


def _baseline(job: _Job) -> Window | None:
    """What a person has named: a run, of which the first pipeline counts, or cases. None for neither."""
    if job.baseline is None:
        return None
    runs, suite = Runs(job.root), job.baseline.partition("~")[0]
    if Path(job.baseline).suffix or (suite in suites(job.root) and not runs.names(suite)):
        return of_cases(*named_cases(Project(job.root), job.baseline))
    run = runs.read(job.baseline)
    first = run.pipelines[0]
    return of_outcomes(f"{run.name} ({first})", run.of(first))


def _window(name: str, traces: Sequence[StoredTrace], said: Sequence[Feedback], begin: float, end: float) -> Window:
    asked = [one for one in traces if begin <= one.started < end]
    return of_traces(name, asked, [one for one in said if begin <= one.given < end])


def _notes(traces: Sequence[StoredTrace], begin: float, *, own: bool) -> list[str]:
    if len(traces) < MOST:
        return []
    first = time.strftime("%Y-%m-%d %H:%M", time.localtime(traces[-1].started))
    if traces[-1].started > begin:
        return [f"The last {MOST:,} requests are kept, and these begin at {first}: later than --since."]
    return [] if own else [f"The last {MOST:,} requests are kept: the time before begins at {first}."]


# ── For a person ────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(found: Drift) -> None:
    for window, count in zip((found.before, found.now), found.questions, strict=True):
        show.out.print(Text(f"{window.name}: {len(window.asked):,} asked, {count:,} different"), soft_wrap=True)
    show.out.print()
    if found.distance is not None and found.new is not None:
        distance, p, adjusted = found.distance
        show.out.print(f"questions  distance {distance:.3f} of 1, p {p:.3f}, corrected {adjusted:.3f}")
        new = found.new
        low, high = (100 * bound for bound in new.far.interval)
        show.out.print(
            f"new        {100 * new.far.share:.1f} % are unlike any of before ({low:.1f} to {high:.1f} %; "
            f"{100 * new.far.expected:.1f} % by chance), corrected p {new.adjusted:.3f}"
        )
        _print_topics(found)
    if found.scores:
        show.out.print()
        show.out.print(_table(found))
    show.remarks([f"{NAMES[name]}: it cannot be told, {why}." for name, why in found.untold.items()])
    changed = ", ".join(NAMES[name] for name in found.flagged) or "nothing"
    show.out.print(Text(f"\nChanged beyond doubt: {changed}."), soft_wrap=True)


def _print_topics(found: Drift) -> None:
    assert found.new is not None, "it was asked before"
    for topic in found.new.groups[:SHOWN]:
        show.out.print(Text(f"  {len(topic):,} like: {_excerpt(topic[0])}"), soft_wrap=True)
        for one in topic[1:SHOWN]:
            show.out.print(Text(f"      {_excerpt(one)}"), soft_wrap=True)
    if len(found.new.groups) > SHOWN:
        show.out.print(f"  and {len(found.new.groups) - SHOWN:,} more topics (--output FILE has all)")


def _table(found: Drift) -> Table:
    table = show.figures("score", "before", "now", "change", "95 %", "p", "PSI", "would be seen")
    for name, score in found.scores.items():
        low, high = score.shift.interval
        psi = "" if score.index is None else f"{score.index[0]:.2f} (chance {score.index[1]:.2f})"
        row = [f"{value:.3g}" for value in (score.shift.before, score.shift.now)]
        row += [f"{score.shift.difference:+.3g}", f"{low:+.3g} to {high:+.3g}", f"{score.adjusted:.3f}"]
        table.add_row(SCORES[name], *row, psi, f"{score.shift.detectable:.3g}")
    return table


def _excerpt(asked: Asked) -> str:
    return show.plain(asked.question)[:EXCERPT]
