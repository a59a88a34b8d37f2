"""`ragstone chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, PipelineName, Principals, ProjectFolder, Tenant, command
from ragstone.errors import ConfigError, RagstoneError, UsageError
from ragstone.project import find

GREETING = "Ask your documents. An empty line or Ctrl-D ends the conversation."


@command
def chat(
    prompt: Annotated[
        str | None, typer.Option("--prompt", metavar="NAME", help="The file in prompts/ to use, not the pipeline's.")
    ] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Talk with the documents: follow-up questions are understood from what was said before.

    With --json each answer is one object on a line of its own.
    """
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is, where a shell has closed it
        raise UsageError("there is no standard input to read questions from")
    asking = sys.stdin.isatty()
    if asking:
        show.remarks([GREETING])
    root = find(project)
    with ragstone.open(project) as rag:
        said: set[str] = set()
        talk = rag.chat(prompt=prompt, principals=principal or (), tenant=tenant, pipeline=pipeline)
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


def _line(mark: str) -> str:
    try:
        return input(mark).strip()
    except EOFError:
        return ""
