"""Moves what a restoration has unpacked to its place. Where it is killed, whoever comes next goes on from there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ragstone.state.backups.archive import MANIFEST
from ragstone.state.backups.contents import databases, files

__all__ = ["WHOLE", "finish", "unfinished"]

WHOLE = "restore"
"""A folder with a whole state, which takes the place of what is there: by whoever opens the project next."""


def unfinished(folder: Path) -> bool:
    """Whether a restoration was killed after it had begun to count."""
    return (folder / WHOLE).is_dir()


def finish(folder: Path) -> None:
    """Moves the files of a restoration to their places, where one is under way. Nobody else may have the state open."""
    whole = folder / WHOLE
    if not whole.is_dir():
        return
    manifest = whole / MANIFEST
    if manifest.exists():
        named = {*json.loads(manifest.read_text(encoding="utf-8"))["files"]}
        for path in (*databases(folder), *files(folder)):
            if path.relative_to(folder).as_posix() not in named:
                _remove(path)
        for name in sorted(named):
            if (whole / name).exists():  # else it was moved before
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                _remove(folder / name)
                (whole / name).replace(folder / name)
        manifest.unlink()
    shutil.rmtree(whole)


def _remove(path: Path) -> None:
    """With its journal, which would be taken for that of the file that comes in its place."""
    for end in ("-wal", "-shm", "-journal", ""):
        Path(f"{path}{end}").unlink(missing_ok=True)
