"""`ragstone ingest`: brings the index up to date with the documents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import ragstone
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, Principals, ProjectFolder, Tenant, command
from ragstone.types import IngestReport
from ragstone.types import Progress as Done


@command
def ingest(
    pipeline: Annotated[str, typer.Option("--pipeline", metavar="NAME", help="The file in pipelines/.")] = "ingest",
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Remove a source's documents when it lists none any more.")
    ] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Ingest what is new or changed in the sources, and remove what is gone."""
    with ragstone.open(project) as rag, _bar() as bar:
        task = bar.add_task("Ingesting", total=None, chunks="")

        def progress(done: Done) -> None:
            bar.update(task, completed=done.done, total=max(done.total, 1), chunks=f"{done.chunks} chunks")

        report = rag.ingest(allow_empty=allow_empty, tenant=tenant, pipeline=pipeline, progress=progress)
    if as_json:
        show.as_json(report.as_dict())
    else:
        _summary(report)
    if report.failed:
        raise typer.Exit(FAILED)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[chunks]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=show.err,
        transient=True,
        disable=not show.err.is_terminal,
    )


def _summary(report: IngestReport) -> None:
    counts = ", ".join(f"{getattr(report, name)} {name}" for name in ("added", "changed", "unchanged", "removed"))
    show.out.print(f"{counts}. {report.chunks} chunks, {report.embedded} embedded, in {report.seconds:.1f} s.")
    for warning in report.warnings:
        show.remarks([f"{warning.uri}: {warning.reason}"])
    if report.failed:
        noun = "document" if len(report.failed) == 1 else "documents"
        show.err.print(f"[bold red]{len(report.failed)} {noun} failed:[/]")
        for failure in report.failed:
            show.err.print(f"  {failure.uri}: {failure.reason}", markup=False, soft_wrap=True)
