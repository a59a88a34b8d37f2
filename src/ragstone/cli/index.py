"""`ragstone index`: what the index holds, whether its parts agree, and how to mend them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, IngestName, Json, Principals, ProjectFolder, Tenant, command
from ragstone.reports import Difference

app = typer.Typer(name="index", help="What the index holds, and whether its parts agree.", no_args_is_help=True)

SHOWN = 20  # differences and failures


@app.command()
@command
def status(
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Documents by state, the last errors, and sizes on disk."""
    with ragstone.open(project) as rag:
        found = rag.index(tenant=tenant, pipeline=pipeline).status()
    if as_json:
        show.as_json(found.as_dict())
        return
    states = ", ".join(f"{count} {state}" for state, count in found.states.items()) or "none"
    show.out.print(f"Documents: {states}. Chunks: {found.chunks}.")
    if found.sizes:
        show.out.print("On disk:   " + ", ".join(f"{name} {_bytes(size)}" for name, size in found.sizes.items()))
    if found.forgotten:
        show.out.print(f"Forgotten: {', '.join(found.forgotten)}", markup=False, soft_wrap=True)
    for one in found.flagged[:SHOWN]:
        show.out.print(f"Flagged:   {one}", markup=False, soft_wrap=True)
    if len(found.flagged) > SHOWN:
        show.out.print(f"           and {len(found.flagged) - SHOWN} more (all of them with --json)")
    for failure in found.failures[:SHOWN]:
        show.out.print(f"Failed:    {failure.uri}: {failure.reason}", markup=False, soft_wrap=True)
    if len(found.failures) > SHOWN:
        show.out.print(f"           and {len(found.failures) - SHOWN} more")


@app.command()
@command
def verify(
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Compare project.db, the vectors and the lexical index. Exit code 1 when they differ."""
    with ragstone.open(project) as rag:
        found = rag.index(tenant=tenant, pipeline=pipeline).verify()
    if as_json:
        show.as_json({"differences": [one.as_dict() for one in found]})
    elif found:
        _differences(found)
        show.remarks(["Mend them with: ragstone index repair"])
    else:
        show.out.print("The indexes hold exactly what project.db says.")
    if found:
        raise typer.Exit(FAILED)


@app.command()
@command
def repair(
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Mend every difference from project.db alone, without the files."""
    with ragstone.open(project) as rag:
        index = rag.index(tenant=tenant, pipeline=pipeline)
        found = index.repair()
        left = index.verify()
    if as_json:
        show.as_json({"mended": [one.as_dict() for one in found], "left": [one.as_dict() for one in left]})
    else:
        show.out.print(f"{len(found)} difference{'s' * (len(found) != 1)} mended." if found else "Nothing to mend.")
        _differences(left)
    if left:
        show.remarks(["These documents were ingested by other settings. Run: ragstone ingest"])
        raise typer.Exit(FAILED)


def _differences(found: Sequence[Difference]) -> None:
    for one in found[:SHOWN]:
        uri = one.uri or "an unknown document"
        show.out.print(f"{one.problem} in the {one.index}: {one.chunk_id} of {uri}", markup=False, soft_wrap=True)
    if len(found) > SHOWN:
        show.out.print(f"and {len(found) - SHOWN} more (all of them with --json)")


def _bytes(size: int) -> str:
    """A size as people read it.

    >>> _bytes(1_234_567)
    '1.2 MB'
    """
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"
