"""`ragstone check`: everything that is wrong with a project folder, with file and line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from ragstone.cli import show
from ragstone.cli.options import MISUSED, Debug, Json, Principals, ProjectFolder, Tenant, command
from ragstone.errors import RagstoneError
from ragstone.evaluation.suites.suite import suite_faults
from ragstone.project import Project, find


@command
def check(
    as_json: Json = False,
    project: ProjectFolder = Path(),
    principal: Principals = None,
    tenant: Tenant = "default",
    debug: Debug = False,
) -> None:
    """Check every file of the project folder. Exit code 2 when one has a fault."""
    folder = Project(find(project))
    faults = [*folder.faults(), *suite_faults(folder)]
    warnings, waiting = list(folder.warnings()), list(folder.waiting())
    if as_json:
        found = {"faults": faults, "warnings": warnings}
        told = {name: [_as_dict(one) for one in each] for name, each in found.items()}
        show.as_json({**told, "not_configured": [str(one) for one in waiting]})
    else:
        for fault in faults:
            show.out.print(_from_here(str(fault)), markup=False, soft_wrap=True)
        show.remarks([_from_here(str(one)) for one in (*warnings, *waiting)])
        if not faults:
            show.out.print("No faults found.")
    if faults:
        raise typer.Exit(MISUSED)


def _as_dict(fault: RagstoneError) -> dict[str, Any]:
    return {key: getattr(fault, key) for key in ("where", "message", "expected", "found", "hint")}


def _from_here(line: str) -> str:
    return line.replace(f"{Path.cwd()}{os.sep}", "")
