"""`ragstone cache clear`: removes what is kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.caches.wanted import Pipeline
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command

__all__ = ["clear_caches"]


@command
def clear_caches(
    room: Annotated[
        list[str] | None, typer.Option("--room", metavar="ROOM", help="Such as calls or vectors; repeatable.")
    ] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", metavar="T", help="One tenant's entries alone.")] = None,
    pipeline: Pipeline = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them without asking you first.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Remove what is kept: everything, or some rooms, one tenant's, or what one pipeline's cache holds."""
    rooms = tuple(room or ())
    with ragstone.open(project) as rag:
        cache = rag.cache(pipeline=pipeline)
        found = cache.count(rooms, tenant=tenant)
        if found and not yes and not as_json and sys.stdin.isatty():
            show.err.print(f"This removes {_counted(found)}. What is asked again is made again.")
            if not typer.confirm("Remove them?", err=True):
                raise typer.Exit(FAILED)
        gone = cache.clear(rooms, tenant=tenant) if found else 0
    if as_json:
        show.as_json({"removed": gone, "rooms": found})
    else:
        show.out.print(f"Removed {_counted(found)}." if gone else "There was nothing to remove.")


def _counted(found: Mapping[str, int]) -> str:
    total = sum(found.values())
    rooms = ", ".join(f"{number:,} in {room}" for room, number in found.items())
    return f"{total:,} {'entry' if total == 1 else 'entries'} ({rooms})"
