"""Puts a backup in the place of what is there. Whoever is killed in the middle leaves the old state, or the new one."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ragstone.errors import StateError, UsageError
from ragstone.state.backups.archive import Backup, unpacked
from ragstone.state.backups.contents import databases, files
from ragstone.state.backups.moving import WHOLE, finish
from ragstone.state.backups.using import alone
from ragstone.state.faults import translated

__all__ = ["restore"]

PART = "restore.part"  # what is being unpacked, and counts for nothing


def restore(archive: Path, folder: Path, *, force: bool = False) -> Backup:
    """Replaces the precious files of a project's state by those of an archive, and says what it held.

    Until all of the archive was read and found right nothing changes. Raises UsageError where there is a state already
    and it is not `force`d, StateError for an archive that is damaged or newer, IndexBusy where the project is open.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder), translated(str(folder)):
        finish(folder)
        if not force and (found := [*databases(folder), *files(folder)]):
            raise UsageError(
                f"there is a state already, of {len(found)} files",
                where=str(folder),
                hint="Make a backup of it first, then use --force to replace it.",
            )
        part = folder / PART
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        try:
            backup = unpacked(archive, part)
            for path in databases(part):
                _demand_sound(path, archive)
            part.rename(folder / WHOLE)  # from here on it counts
        finally:
            shutil.rmtree(part, ignore_errors=True)
        finish(folder)
    return backup


def _demand_sound(path: Path, archive: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise StateError(f"is damaged: {path.name}: {found}", where=str(archive), hint="Take another backup.")
