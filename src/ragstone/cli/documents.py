"""`ragstone parse`, `chunks` and `forget`: one document, as Ragstone sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, IngestName, Json, Principals, ProjectFolder, Tenant, command

Uri = Annotated[str, typer.Argument(metavar="URI", help="The document as citations name it: documents/report.pdf")]


@command
def chunks(
    uri: Uri,
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Show the chunks of a document, each with its range, its heading and what is said before it."""
    with ragstone.open(project) as rag:
        found = rag.index(tenant=tenant, pipeline=pipeline).chunks(uri)
    if as_json:
        keys = ("id", "uri", "start", "end", "line", "context", "text", "heading")
        show.as_json([{key: getattr(chunk, key) for key in keys} for chunk in found])
        return
    for number, chunk in enumerate(found, 1):
        heading = " › ".join(chunk.heading)
        place = f"{number}. {chunk.uri} [{chunk.start}:{chunk.end}]"
        show.out.print(Text(f"{place}  {heading}".rstrip(), style="cyan"), soft_wrap=True)
        if chunk.context:
            show.out.print(Text(chunk.context, style="dim"))
        show.out.print(Text(chunk.text))
        show.out.print()


@command
def forget(
    uri: Uri,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again, with the next ingestion.")] = False,
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Remove a document from the index, the caches and the traces, and keep it out."""
    with ragstone.open(project) as rag:
        index = rag.index(tenant=tenant, pipeline=pipeline)
        if undo:
            index.allow(uri)
            gone = 0
        else:
            gone = index.forget(uri)
    if as_json:
        show.as_json({"uri": uri, "removed": gone, "forgotten": not undo})
    elif undo:
        show.out.print(f"{uri} may come in again. Run: ragstone ingest", markup=False, soft_wrap=True)
    else:
        was = f"{gone} document{'s' * (gone != 1)} removed" if gone else "It was not in the index"
        show.out.print(f"{was}; {uri} stays out from now on.", markup=False, soft_wrap=True)
