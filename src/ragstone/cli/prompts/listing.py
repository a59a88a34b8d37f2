"""`ragstone prompt list`: every prompt of the project, and those that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import used_by
from ragstone.errors import PromptError
from ragstone.project import Project, find
from ragstone.prompts.catalog import Entry, entries
from ragstone.prompts.file import load

__all__ = ["list_prompts"]


@command
def list_prompts(as_json: Json = False, project: ProjectFolder = Path(), debug: Debug = False) -> None:
    """List every prompt: what it is for, its inputs, its version, who uses it."""
    folder = Project(find(project))
    found = [_described(entry, folder) for entry in entries(folder.root)]
    if as_json:
        show.as_json(found)
    else:
        _print(found)
    if any(one["fault"] for one in found):
        raise typer.Exit(FAILED)


def _described(entry: Entry, project: Project) -> dict[str, Any]:
    said: dict[str, Any] = {"name": entry.name, "path": str(entry.path), "origin": entry.origin}
    empty: dict[str, Any] = {"description": "", "inputs": [], "version": None, "rewrite": []}
    try:
        file = load(entry.path)
    except PromptError as error:
        return said | empty | {"used_by": used_by(project, entry.name), "fault": str(error)}
    inputs = [{"name": given.name, "kind": given.kind, "required": given.required} for given in file.given]
    ways = [*file.retrieve.ways] if file.retrieve is not None else []
    told = {"description": file.description, "inputs": inputs, "version": file.version, "rewrite": ways}
    return said | told | {"used_by": used_by(project, entry.name), "fault": None}


def _print(found: list[dict[str, Any]]) -> None:
    table = Table("prompt", "for", "inputs", "used by", "version", box=None, pad_edge=False)
    table.columns[1].ratio = 1
    for one in found:
        inputs = ", ".join(given["name"] + ("" if given["required"] else "?") for given in one["inputs"])
        name = Text.assemble((one["name"], "bold"), "\n", (one["origin"], "dim"))
        told = Text(one["fault"], style="red") if one["fault"] else Text(one["description"])
        if one["rewrite"]:
            told = Text.assemble(told, "\n", (f"searches in other words: {', '.join(one['rewrite'])}", "dim"))
        used = Text("\n".join(place.removeprefix("pipelines/") for place in one["used_by"]) or "–")
        table.add_row(
            name, told, Text(inputs.replace(", ", ",\n")), used, Text((one["version"] or "–")[:8], style="dim")
        )
    show.out.print(table)
    if any("?" in str(cell) for cell in table.columns[2].cells):
        show.remarks(["An input with ? need not be given."])
