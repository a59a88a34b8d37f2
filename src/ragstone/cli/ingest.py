"""`ragstone ingest`: brings the index up to date with the documents."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import ragstone
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, Principals, ProjectFolder, Tenant, command
from ragstone.project import find
from ragstone.reports import IngestReport
from ragstone.reports import Progress as Done

SHOWN = 20  # passages that a check has flagged


@command
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Only these files and folders of the sources.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and do nothing.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew beside the old one, then swap them.")
    ] = False,
    keep_removed: Annotated[bool, typer.Option("--keep-removed", help="Keep documents whose files are gone.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="When another process ingests, say which and exit with 1.")
    ] = False,
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
    root = find(project)
    only = [_uri(path, root) for path in paths or ()]
    if plan:
        _plan(root, only, allow_empty=allow_empty, tenant=tenant, pipeline=pipeline, as_json=as_json)
        return
    with ragstone.open(root) as rag, _bar() as bar:
        task = bar.add_task("Ingesting", total=None, chunks="")

        def progress(done: Done) -> None:
            if done.waiting:
                show.remarks([f"Waiting for {done.waiting} …"])
                return
            elapsed = bar.tasks[task].elapsed or 0
            rate = f", {done.chunks / elapsed:.0f}/s" if done.chunks and elapsed > 1 else ""
            bar.update(task, completed=done.done, total=max(done.total, 1), chunks=f"{done.chunks} chunks{rate}")

        report = rag.ingest(
            only=only,
            rebuild=rebuild,
            allow_empty=allow_empty,
            keep_removed=keep_removed,
            wait=not no_wait,
            tenant=tenant,
            pipeline=pipeline,
            progress=progress,
        )
    if as_json:
        show.as_json(report.as_dict())
    else:
        _summary(report)
    if report.failed:
        raise typer.Exit(FAILED)


def _uri(path: Path, root: Path) -> str:
    """A path as the files source names it: seen from the project's folder."""
    return Path(os.path.relpath(path.resolve(), root)).as_posix()


def _plan(root: Path, only: list[str], *, allow_empty: bool, tenant: str, pipeline: str, as_json: bool) -> None:
    with ragstone.open(root) as rag:
        found = rag.plan(only=only, allow_empty=allow_empty, tenant=tenant, pipeline=pipeline)
    if as_json:
        show.as_json(found.as_dict())
        return
    for name, mark in (("added", "+"), ("changed", "~"), ("removed", "-"), ("relabelled", "@")):
        for uri in getattr(found, name):
            show.out.print(f"{mark} {uri}", markup=False, soft_wrap=True)
    for failure in found.failed:
        show.out.print(f"! {failure.uri}: {failure.reason}", markup=False, soft_wrap=True)
    kinds = ("added", "changed", "removed")
    counts = ", ".join(f"{len(getattr(found, name))} {name}" for name in kinds)
    price = f", about {found.cost:.2f} USD" if found.cost else ""
    show.out.print(
        f"{counts}, {found.unchanged} unchanged. {found.chunks} chunks ({found.tokens} tokens) to embed{price}."
    )
    show.remarks(["Nothing was done. Leave out --plan to do it."])


def _bar() -> Progress:
    return show.progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[chunks]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


def _summary(report: IngestReport) -> None:
    counts = ", ".join(f"{getattr(report, name)} {name}" for name in ("added", "changed", "unchanged", "removed"))
    show.out.print(f"{counts}. {report.chunks} chunks, {report.embedded} embedded, in {report.seconds:.1f} s.")
    failed = {failure.uri for failure in report.failed}
    for warning in (one for one in report.warnings if one.uri not in failed):
        show.remarks([f"{warning.uri}: {warning.reason}"])
    if report.flagged:
        noun = "passage was" if len(report.flagged) == 1 else "passages were"
        show.remarks([f"{len(report.flagged)} {noun} flagged by a check:"])
        show.remarks([f"  {one}" for one in report.flagged[:SHOWN]])
        if len(report.flagged) > SHOWN:
            show.remarks([f"  and {len(report.flagged) - SHOWN} more: ragstone index status --json"])
    if report.failed:
        noun = "document" if len(report.failed) == 1 else "documents"
        show.err.print(f"[bold red]{len(report.failed)} {noun} failed:[/]")
        for failure in report.failed:
            show.err.print(f"  {failure.uri}: {failure.reason}", markup=False, soft_wrap=True)
