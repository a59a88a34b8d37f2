"""`ragstone ask`: one question, one answer with its citations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.options import (
    ABSTAINED,
    As,
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
from ragstone.types import Answer


@command
def ask(
    question: Question,
    prompt: As = None,
    k: Annotated[int | None, typer.Option("--k", help="How many passages to answer from.")] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Take nothing from the cache, and keep nothing.")
    ] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the models anew, and keep what they say.")] = False,
    debug: Debug = False,
) -> None:
    """Ask the documents. Exit code 3 means that they hold no answer."""
    if no_cache and refresh:
        raise UsageError("--no-cache and --refresh exclude each other", expected="one of them")
    cache = "off" if no_cache else "refresh" if refresh else "use"
    with ragstone.open(project) as rag:
        asked = rag.stream if show.err.is_terminal else rag.ask  # where nobody reads along, it may always begin anew
        answered = asked(
            read(question),
            prompt=prompt,
            k=k,
            principals=principal or (),
            tenant=tenant,
            pipeline=pipeline,
            cache=cache,
        )
        found = answered if isinstance(answered, Answer) else show.streamed(answered)
        if as_json:
            show.as_json(found.as_dict())
        else:
            show.answer(found, root=find(project))
    if found.abstained:
        raise typer.Exit(ABSTAINED)


def read(question: str) -> str:
    """The question itself, or what stands on standard input when it is `-`."""
    if question != "-":
        return question
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - it is, where a shell has closed it
        raise UsageError("there is no standard input to read the question from")
    return sys.stdin.read().strip()
