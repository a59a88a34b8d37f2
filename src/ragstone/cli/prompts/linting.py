"""`ragstone prompt lint`: what is wrong with prompts although they load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.options import FAILED, Debug, Json, ProjectFolder, command
from ragstone.cli.prompts.catalog import find_path
from ragstone.project import Project, find, template
from ragstone.prompts.catalog import entries
from ragstone.prompts.home import FOLDER
from ragstone.prompts.lint.finding import Finding
from ragstone.prompts.lint.run import lint

__all__ = ["lint_prompts"]


@command
def lint_prompts(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Files in prompts/; without one, all.")
    ] = None,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Look for faults in prompts, each with its place, why it matters and a fix. Exit code 1 when there is one."""
    folder = Project(find(project))
    if names:
        found = lint([find_path(folder, name) for name in dict.fromkeys(names)])
    else:
        own = [entry for entry in entries(folder.root) if entry.own]
        shipped = [entry.path for entry in own if entry.origin == "as shipped" and folder.root != template()]
        found = lint([entry.path for entry in own], folder=folder.root / FOLDER, shipped=shipped)
    if as_json:
        show.as_json([one.as_dict() for one in found])
    else:
        _print(found)
    if found:
        raise typer.Exit(FAILED)


def _print(found: list[Finding]) -> None:
    for one in found:
        color = "red" if one.severity == "error" else "yellow"
        where = one.where.replace(f"{Path.cwd()}{os.sep}", "")
        line = Text.assemble((where, "cyan"), "  ", (one.severity, color), "  ", (one.code, "bold"))
        show.out.print(line, soft_wrap=True)
        for text, style in ((f"{one.message}.", ""), (one.why, "dim"), (f"Fix: {one.fix}", "")):
            show.out.print(Padding(Text(text, style=style), (0, 0, 0, 4), expand=False))
    errors = sum(one.severity == "error" for one in found)
    warnings = len(found) - errors
    if found:
        show.remarks([f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}."])
    else:
        show.out.print("No faults found.")
