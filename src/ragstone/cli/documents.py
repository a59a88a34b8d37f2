"""`ragstone parse`, `chunks` and `forget`: one document, as Ragstone sees it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, IngestName, Json, Principals, ProjectFolder, Tenant, command
from ragstone.errors import ConfigError, ParseError, UsageError
from ragstone.ingestion.detect import detect
from ragstone.ingestion.workers import Workers
from ragstone.pipelines.build import Builder
from ragstone.project import Project, find
from ragstone.types import Parsed

Uri = Annotated[str, typer.Argument(metavar="URI", help="The document as citations name it: documents/report.pdf")]


@command
def parse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Any file; it need not belong to a project.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what Ragstone sees in a file, by the settings of the project here. Exit code 1 when nothing can be read."""
    uri, data = file.as_posix(), file.read_bytes()
    try:
        first, *inside = _reader(Path()).read(data, uri)
    except ParseError as error:
        if as_json:
            said = str(error).removeprefix(f"{uri}: ")
            show.as_json(_parsed(uri, None, []) | {"media_type": detect(data, uri), "warnings": [said]})
            raise typer.Exit(FAILED) from None
        raise
    children = [{"uri": part.uri} | _parsed(part.uri, part.parsed, [], part.error) for part in inside]
    if as_json:
        show.as_json(_parsed(uri, first.parsed, children))
        return
    for part in (first, *inside):
        if part.parsed is None:
            show.remarks([str(part.error)])
            continue
        title = f"{part.uri}  {part.parsed.title}  ({part.parsed.media_type}, {len(part.parsed.text)} characters)"
        show.out.print(Text(title, style="cyan"), soft_wrap=True)
        counted = Counter(span.kind for span in part.parsed.spans)
        if counted:
            show.out.print(Text(", ".join(f"{count} {kind}s" for kind, count in counted.items()), style="dim"))
        show.out.print(Text(part.parsed.text), soft_wrap=True)
        show.out.print()
        show.remarks([f"{part.uri}: {warning}" for warning in part.parsed.warnings])


def _reader(folder: Path) -> Workers:
    """As the project here would read it; outside of any, with the defaults."""
    try:
        project = Project(find(folder))
        located = project.pipeline("ingest")
    except ConfigError:
        return Workers()
    builder = Builder(project.root, project.connectors, plugins=project.plugins)
    return builder.parsing(project.ingest_spec("ingest"), located)["reader"]


def _parsed(
    uri: str, parsed: Parsed | None, children: list[dict[str, Any]], error: ParseError | None = None
) -> dict[str, Any]:
    said = [str(error).removeprefix(f"{uri}: ")] if error else []
    return {
        "title": parsed.title if parsed else "",
        "media_type": parsed.media_type if parsed else "",
        "text": parsed.text if parsed else "",
        "spans": [
            {"kind": span.kind, "label": span.label, "start": span.start, "end": span.end}
            for span in (parsed.spans if parsed else ())
        ],
        "children": children,
        "warnings": [*(parsed.warnings if parsed else ()), *said],
    }


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
    uri: Annotated[
        str | None, typer.Argument(metavar="[URI]", help="The document as citations name it: documents/report.pdf")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Remove everything of this person instead.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again, with the next ingestion.")] = False,
    pipeline: IngestName = "ingest",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Remove a document from the index, the caches, the traces and the conversations, and keep it out.

    Or remove everything of a person: conversations, their traces, and what they have said of answers.
    """
    if user is not None:
        _forget_user(uri, user, undo=undo, as_json=as_json, project=project, tenant=tenant)
        return
    if uri is None:
        raise UsageError("nothing to forget", expected="the uri of a document, or --user NAME")
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


def _forget_user(uri: str | None, user: str, *, undo: bool, as_json: bool, project: Path, tenant: str) -> None:
    """Removes a person. Raises UsageError where a document is named, too, and for what cannot be undone."""
    if uri is not None or undo:
        found = f"{uri!r} and --user" if uri is not None else "--undo and --user"
        hint = "Run it once for each." if uri is not None else "What was removed of a person is gone."
        raise UsageError("forgets a document or a person", found=found, hint=hint)
    with ragstone.open(project) as rag:
        gone = rag.forget_user(user, tenant=tenant)
    if as_json:
        show.as_json({"user": user, **gone.as_dict()})
        return
    numbers = {"conversation": gone.conversations, "trace": gone.traces, "word of feedback": gone.feedback}
    told = [f"{number} {name if number == 1 else _several(name)}" for name, number in numbers.items()]
    show.out.print(f"Removed of {user}: {', '.join(told)}.", markup=False, soft_wrap=True)


def _several(name: str) -> str:
    return name.replace("word", "words") if "word" in name else f"{name}s"
