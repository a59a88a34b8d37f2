"""The prompts of a project as git keeps them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from ragstone.errors import UsageError
from ragstone.prompts.home import FOLDER

__all__ = ["prompts_at"]

SECONDS = 30


def prompts_at(root: Path, revision: str, *, into: Path) -> Path:
    """Writes the prompts of one revision into a folder, and returns where they lie.

    Raises UsageError when there is no git, no repository, no such revision, or no prompts in it.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None:
        raise UsageError(
            "this project is under no version control", where=str(root), hint="Run: git init, and commit your prompts."
        )
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UsageError(f"git knows no version {revision!r}", expected="a branch, a tag or a commit, such as HEAD")
    # `:./` is the project's folder, wherever in the repository it lies.
    tree = _git(root, "rev-parse", "--verify", "--quiet", f"{found.decode().strip()}:./{FOLDER}")
    if tree is None:
        raise UsageError(f"there is no folder {FOLDER}/ in {revision}", where=str(root), hint="Was it committed?")
    # Inside a folder, `archive` looks for that folder's path in the tree, so it runs at the top.
    packed = _git(Path(os.fsdecode(top.rstrip(b"\n"))), "archive", "--format=tar", tree.decode().strip())
    if packed is None:
        raise UsageError(f"git cannot read {FOLDER}/ in {revision}", where=str(root))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            _unpack(archive, member, into)
    return into


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Writes a file where it belongs. Links are left out, and so is what would lie elsewhere: neither is a prompt.

    `extractall(filter="data")` does so from Python 3.11.4 on.
    """
    path = (into / member.name).resolve()
    read = archive.extractfile(member) if member.isfile() and path.is_relative_to(into.resolve()) else None
    if read is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read.read())


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints, or None when it refuses."""
    program = shutil.which("git")
    if program is None:
        raise UsageError("git is not installed here", hint="--against compares with what git keeps.")
    command = [program, "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False, timeout=SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise UsageError(f"git did not answer within {SECONDS} s", where=str(root)) from None
    if b"dubious ownership" in done.stderr:
        raise UsageError(
            "git refuses this folder: it belongs to another user",
            where=str(root),
            hint=f"Run: git config --global --add safe.directory {root}",
        )
    return done.stdout if done.returncode == 0 else None
