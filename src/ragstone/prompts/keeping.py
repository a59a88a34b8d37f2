"""Writes a file in one step, and sees that what it held before is not lost."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import suppress
from itertools import count
from pathlib import Path

from ragstone.errors import UsageError

__all__ = ["kept_by_git", "replace_file"]

SECONDS = 30


def replace_file(path: Path, data: bytes, *, before: bytes | None) -> Path | None:
    """Puts `data` in the place of `before`, which the file held when it was read; None for no file.

    What git does not keep is copied beside the file first; that copy's path is returned. Raises UsageError where the
    file holds something else by now.
    """
    path = path.resolve()  # a link stays a link
    if (path.read_bytes() if path.exists() else None) != before:
        what = "was changed meanwhile" if before is not None else "is there already"
        raise UsageError(what, where=str(path), hint="Nothing was written. Begin again, or save it under another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    copy = _copied(path, before) if before is not None and not kept_by_git(path, before) else None
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with made.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            shutil.copymode(path, made)
        made.replace(path)
    except BaseException:
        if made.exists():  # else it has taken its place, and the copy is all that is left of the earlier version
            made.unlink()
            if copy is not None:
                copy.unlink()
        raise
    return copy


def kept_by_git(path: Path, data: bytes) -> bool:
    """Whether the last commit of the repository around a file has it with exactly this content."""
    program = shutil.which("git")
    if program is None:
        return False
    command = [program, "-C", str(path.parent), "cat-file", "blob", f"HEAD:./{path.name}"]
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=SECONDS)  # noqa: S603
        return done.returncode == 0 and done.stdout == data
    return False


def _copied(path: Path, data: bytes) -> Path:
    """A new file beside it: `answer.prompty.bak`, or `.bak2` and so on where that is taken."""
    for number in count(1):
        copy = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        with suppress(FileExistsError), copy.open("xb") as file:
            file.write(data)
            return copy
    raise AssertionError("numbers do not end")
