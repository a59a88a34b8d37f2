"""`ragstone chat`: a conversation in the terminal."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.errors import ConfigError, RagstoneError, UsageError
from ragstone.project import find
from ragstone.sync.faces import Conversations
from ragstone.turns import Conversation

LAST = "last"
MOST, SHOWN = 200, 3  # conversations that are listed, and turns that are shown again
FORGOTTEN = "(This answer rested on a document that was forgotten.)"
GREETING = "Ask your documents. An empty line or Ctrl-D ends the conversation."


@command
def chat(
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="NAME", help="The file in prompts/ to use.")] = None,
    pipeline: PipelineName = "answer",
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="ID", help="Go on with a kept conversation; `last` is the last one."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the kept conversations, and ask nothing.")] = False,
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose conversations; nobody's unless set.")] = "",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Talk with the documents: follow-up questions are understood from what was said before.

    The conversation is kept in the project, for those who have all its principals. With --json each answer is one
    object on a line of its own.
    """
    if list_:
        if resume is not None:
            raise UsageError("--list and --resume exclude each other", hint="Leave out one of them.")
        with ragstone.open(project) as rag:
            _list(rag.conversations(tenant=tenant, user=user, principals=principal or ()).newest(limit=MOST), as_json)
        return
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is, where a shell has closed it
        raise UsageError("there is no standard input to read questions from")
    asking = sys.stdin.isatty()
    if asking:
        show.remarks([GREETING])
    root = find(project)
    with ragstone.open(project) as rag:
        said: set[str] = set()
        kept = rag.conversations(tenant=tenant, user=user, principals=principal or ())
        talk = rag.chat(
            prompt=prompt,
            principals=principal or (),
            tenant=tenant,
            pipeline=pipeline,
            conversation=secrets.token_hex(8) if resume is None else _resumed(kept, resume, shown=asking),
            user=user,
        )
        while question := _line("› " if asking else ""):
            try:
                found = show.streamed(talk.stream(question))
            except ConfigError:
                raise
            except RagstoneError as error:
                # One question that failed does not end the conversation.
                show.err.print(f"ragstone: {error}", style="red", markup=False)
                continue
            if as_json:
                show.as_json_line(found.as_dict())
            else:
                # A remark is made once; every answer of the conversation would repeat it.
                show.answer(replace(found, notices=tuple(n for n in found.notices if n not in said)), root=root)
                said.update(found.notices)
                show.out.print()


def _resumed(kept: Conversations, wanted: str, *, shown: bool) -> str:
    """The id of the conversation that goes on, whose last turns are `shown`. Raises UsageError where there is none."""
    if wanted == LAST:
        newest = kept.newest(limit=1)
        if not newest:
            raise UsageError("there is no conversation to go on with", hint="Begin one: ragstone chat")
        wanted = newest[0].id
    found = kept.show(wanted)
    for turn in kept.turns(found.id, limit=SHOWN) if shown else ():
        show.out.print(Text(f"› {show.plain(turn.question)}", style="dim"))
        show.out.print(Text(show.plain(turn.text) if not turn.forgotten else FORGOTTEN, style="dim"))
    return found.id


def _list(found: Sequence[Conversation], as_json: bool) -> None:
    if as_json:
        show.as_json([one.as_dict() for one in found])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "when", "turns", "title"):
        table.add_column(heading, no_wrap=heading != "title", overflow="ellipsis")
    for one in found:
        when = time.strftime("%m-%d %H:%M", time.localtime(one.changed))
        table.add_row(one.id, when, str(one.turns), Text(show.plain(one.title)))
    show.out.print(table)


def _line(mark: str) -> str:
    try:
        return input(mark).strip()
    except EOFError:
        return ""
