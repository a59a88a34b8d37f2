"""`ragstone eval report`, `export` and `runs`: what a run has shown, for people and for other programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from ragstone.cli import show
from ragstone.cli.evals.running import Baseline
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.reports.exports import deepeval, mlflow, ragas
from ragstone.evaluation.reports.page import first_figures, page
from ragstone.evaluation.reports.shown import Held, Shown, of_run, of_two
from ragstone.evaluation.reports.table import table
from ragstone.evaluation.reports.wording import when
from ragstone.evaluation.shelf import NEWEST, Shelf, chosen, metrics_of
from ragstone.evaluation.suites.kept import Run

__all__ = ["export_run", "list_runs", "report_run"]


class _To(StrEnum):
    ragas = "ragas"
    deepeval = "deepeval"
    mlflow = "mlflow"


Writer = Callable[[Sequence[Outcome]], str]
FILES: dict[_To, tuple[str, Writer]] = {
    _To.ragas: ("ragas.jsonl", ragas.text),
    _To.deepeval: ("deepeval.json", deepeval.text),
}
KINDS: dict[str, Callable[[Shown], str]] = {".html": page, ".md": table}

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run, or a suite for its last one; see `runs`.")]


@command
def report_run(
    name: RunName,
    other: Annotated[
        str | None, typer.Argument(metavar="[RUN2]", help="A later run: what has changed from RUN to it.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html|.md", help="Where to; in the run's folder, if absent."),
    ] = None,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", metavar="NAME", help="Of two runs with several; twice: of each.")
    ] = None,
    baseline: Baseline = None,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Write what a run has shown, or what has changed between two, as one HTML page or as Markdown."""
    shelf = Shelf(project)
    first = shelf.runs.read(name)
    second = None if other is None else shelf.runs.read(other)
    if pipeline and second is None:
        raise UsageError("--pipeline chooses of two runs", expected="RUN RUN2", found="one run")
    last = second or first
    against = "" if second is None else f"-against-{first.name}"
    target = _target(output, last.folder / f"report{against}.html")
    if second is None:
        shown = of_run(first, metrics_of(first), gates=_held(shelf, first, baseline))
    else:
        named = chosen(first, second, pipeline or [])
        held = [one for one in _held(shelf, second, baseline or name) if one.pipeline == named[1]]
        shown = of_two(first, second, metrics_of(first, second), pipelines=named, gates=held)
    _write(target, KINDS[target.suffix.lower()](shown))


@command
def export_run(
    name: RunName,
    to: Annotated[_To, typer.Option("--to", help="Who takes it.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Else it lies in the run's folder.")
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option("--uri", metavar="URI", help="MLflow's server or store; where it looks itself, if absent."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", metavar="NAME", help="MLflow's experiment: ragstone, if absent.")
    ] = None,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Hand a run to another program: rows for RAGAS or DeepEval, or a run of MLflow for each pipeline."""
    shelf = Shelf(project)
    run = shelf.runs.read(name)
    if to is _To.mlflow:
        if output is not None:
            raise UsageError("MLflow gets no file", where="-o", expected="--uri URI")
        held = _held(shelf, run, None)
        for one in mlflow.export(run, metrics_of(run), uri=uri, experiment=experiment or mlflow.EXPERIMENT, gates=held):
            show.out.print(f"{one.pipeline}: run {one.id} in {one.uri}", markup=False, soft_wrap=True)
        return
    for option, given in (("--uri", uri), ("--experiment", experiment)):
        if given is not None:
            raise UsageError("is for MLflow alone", where=option, expected="--to mlflow", found=f"--to {to}")
    file, written = FILES[to]
    target = output or run.folder / file
    _require_folder(target)
    for pipeline in run.pipelines:
        own = target if len(run.pipelines) == 1 else target.with_stem(f"{target.stem}-{_plain(pipeline)}")
        _write(own, written(run.of(pipeline)))


@command
def list_runs(
    name: Annotated[str | None, typer.Argument(metavar="[SUITE]", help="Of one suite alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many, the newest first.")] = NEWEST,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """List the runs that are kept, with their first figures."""
    found = Shelf(project).listed(name, limit=limit)
    if as_json:
        show.as_json(found)
        return
    if not found:
        show.remarks(["There is no run yet: ragstone eval run SUITE"])
        return
    rows = Table("run", "when", "cases", "pipelines and first figures", box=None, pad_edge=False)
    rows.columns[2].justify = "right"
    for one in found:
        if "error" in one:
            rows.add_row(escape(one["run"]), "", "", f"[red]{escape(one['error'])}[/red]")
            continue
        lines = [f"{escape(each)}  {escape(first_figures(figures))}" for each, figures in one["figures"].items()]
        state = [] if one["ended"] else [f"[yellow]cut short: {one['answers']} of {one['asked']} answers[/yellow]"]
        rows.add_row(escape(one["run"]), when(one["started"]), str(one["cases"]), "\n".join([*lines, *state]))
    show.out.print(rows)


# ── What is shown ───────────────────────────────────────────────────────────────────────────────────────────────────


def _held(shelf: Shelf, run: Run, baseline: str | None) -> Sequence[Held]:
    """The gates of a run; none where one compares with a baseline that is not there.

    A report is written in any case; `ragstone eval gate` says what is wrong.
    """
    try:
        return shelf.gates(run, baseline)
    except UsageError as error:
        show.remarks([f"The gates are left out: {error}"])
        return ()


def _target(output: Path | None, usual: Path) -> Path:
    target = output or usual
    if target.suffix.lower() not in KINDS:
        raise UsageError("is no kind of report", where="-o", expected=" or ".join(KINDS), found=target.name)
    _require_folder(target)
    return target


def _require_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise UsageError("there is no such folder", where="-o", found=str(target.parent))


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8", errors="replace")
    show.out.print(show.near(target), markup=False, soft_wrap=True)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "pipeline"
