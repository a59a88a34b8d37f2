"""`ragstone feedback`: what people say of answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, Principals, ProjectFolder, Tenant, command

app = typer.Typer(name="feedback", help="Keep what people say of answers, and list it.", no_args_is_help=True)

Good = Annotated[bool | None, typer.Option("--good/--bad", help="Thumbs up or down.", show_default=False)]


@app.command()
@command
def add(
    trace_id: Annotated[str, typer.Argument(metavar="TRACE", help="The trace_id of an answer, or its beginning.")],
    good: Good = None,
    correction: Annotated[str, typer.Option(metavar="TEXT", help="What would be right.")] = "",
    comment: Annotated[str, typer.Option(metavar="TEXT", help="Anything else.")] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says it; their earlier word is replaced.")] = "",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Keep thumbs, a correction or a comment for an earlier answer."""
    with ragstone.open(project) as rag:
        kept = rag.feedback(
            trace_id,
            good=good,
            correction=correction,
            comment=comment,
            by=by,
            principals=principal,
            tenant=tenant,
        )
    if as_json:
        show.as_json(kept.as_dict())
    else:
        show.remarks([f"kept for {kept.trace}: {_thumbs(kept.good) or 'words alone'}"])


@app.command(name="list")
@command
def list_(
    limit: Annotated[int | None, typer.Option(help="How many; all unless set.", min=1)] = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """List what was said of answers, the last first."""
    with ragstone.open(project) as rag:
        found = rag.feedbacks(limit=limit, tenant=tenant)
    if as_json:
        show.as_json([one.as_dict() for one in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("trace", "when", "by", "thumbs", "question", "correction or comment"):
        table.add_column(heading, no_wrap=heading in ("trace", "when", "thumbs"), overflow="ellipsis")
    for one in found:
        when = time.strftime("%m-%d %H:%M", time.localtime(one.given))
        words = one.correction or one.comment
        table.add_row(one.trace, when, *map(_text, (one.by, _thumbs(one.good), one.question, words)))
    show.out.print(table)


def _thumbs(good: bool | None) -> str:
    return "" if good is None else "good" if good else "bad"


def _text(value: str) -> Text:
    return Text(show.plain(value))
