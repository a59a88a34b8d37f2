"""`ragstone search`: the passages, without an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.ask import read
from ragstone.cli.options import (
    Debug,
    Json,
    PipelineName,
    Principals,
    ProjectFolder,
    Question,
    Tenant,
    command,
)
from ragstone.errors import UsageError
from ragstone.project import find
from ragstone.reports import Explained


@command
def search(
    question: Question,
    k: Annotated[
        int | None, typer.Option("--k", help="How many passages to show.  [default: the pipeline's, 8]")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="JSON", help='A filter on metadata, such as {"lang": "en"}.')
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each stage with its candidates, scores and milliseconds.")
    ] = False,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Show the best passages for a question."""
    asked: dict[str, Any] = {"k": k, "where": _filter(where), "principals": principal or (), "tenant": tenant}
    with ragstone.open(project) as rag:
        if explain:
            explained = rag.explain_search(read(question), pipeline=pipeline, **asked)
            _explain(explained, root=find(project), as_json=as_json)
            return
        found = rag.search(read(question), pipeline=pipeline, **asked)
    if as_json:
        show.as_json({"hits": [hit.as_dict() for hit in found]})
    else:
        show.hits(found, root=find(project))


def _explain(found: Explained, *, root: Path, as_json: bool) -> None:
    if as_json:
        show.as_json(found.as_dict())
        return
    show.stages(found.stages, root=root)
    show.out.print()
    show.hits(found.hits, root=root)


def _filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"--where is not JSON: {error}", expected='an object such as {"lang": "en"}') from None
    if not isinstance(value, dict):
        raise UsageError("--where is no filter", expected='an object such as {"lang": "en"}', found=text)
    return value  # pyright: ignore[reportUnknownVariableType] - the filter language checks the rest
