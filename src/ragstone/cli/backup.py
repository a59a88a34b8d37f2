"""`ragstone backup` and `ragstone restore`: a copy of what nothing makes again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import ragstone
from ragstone.cli import show
from ragstone.cli.options import Debug, Json, ProjectFolder, command
from ragstone.project import Project, find
from ragstone.state.backups import Backup
from ragstone.state.backups import restore as put_back
from ragstone.state.sqlite import ProjectState


@command
def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write: mydocs.tar.gz.")],
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Copy documents, keys, ledger and feedback into one file, also while the service runs."""
    with ragstone.open(project) as rag:
        made = rag.backup(file)
    _tell(made, f"Wrote {file}", as_json=as_json)
    if not as_json:
        show.remarks(["Indexes and caches are not in it: they are made again. It holds your documents: keep it safe."])


@command
def restore(
    file: Annotated[Path, typer.Argument(help="The archive of `ragstone backup`.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the state that is there.")] = False,
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Put a backup back, and bring the indexes up to it. Nothing else may have the project open."""
    root = find(project)
    folder = Project(root).state_folder
    made = put_back(file, folder, force=force)
    mended = _mended(root, folder)
    _tell(made, f"Restored {file}, of {made.made}", as_json=as_json)
    if not as_json:
        show.remarks([f"The indexes agree with it: {mended or 'no'} differences were mended."])


def _mended(root: Path, folder: Path) -> int:
    """Makes again what the indexes of all tenants lack."""
    state = ProjectState(folder / "project.db")
    try:
        indexes = state.indexes()
    finally:
        state.close()
    with ragstone.open(root) as rag:
        there = Project(root).pipelines  # one that is gone has no index to mend
        return sum(len(rag.index(tenant=who, pipeline=name).repair()) for name, who in indexes if name in there)


def _tell(made: Backup, begin: str, *, as_json: bool) -> None:
    if as_json:
        show.as_json(made.as_dict())
        return
    names = ", ".join(name for name in made.files if "/" not in name)
    others = sum("/" in name for name in made.files)
    rest = f" and {others} files of runs" if others else ""
    show.out.print(f"{begin}: {names}{rest} ({made.size / 1e6:.1f} MB).", markup=False, soft_wrap=True)
