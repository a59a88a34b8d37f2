"""A file is written in one step, and what it held before is not lost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ragstone.errors import UsageError
from ragstone.prompts.keeping import kept_by_git, replace_file


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "prompts" / "answer.prompty"
    found.parent.mkdir()
    found.write_bytes(b"old")
    return found


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_without_git_each_earlier_version_has_a_copy_of_its_own(path: Path) -> None:
    first = replace_file(path, b"new", before=b"old")
    second = replace_file(path, b"newer", before=b"new")
    assert first == path.with_name("answer.prompty.bak")
    assert second == path.with_name("answer.prompty.bak2")
    assert (path.read_bytes(), first.read_bytes(), second.read_bytes()) == (b"newer", b"old", b"new")
    assert names(path) == ["answer.prompty", "answer.prompty.bak", "answer.prompty.bak2"]


def test_what_git_has_needs_no_copy_and_what_it_lacks_does(path: Path) -> None:
    git(path.parent, "init")
    assert not kept_by_git(path, b"old")
    git(path.parent, "add", ".")
    assert not kept_by_git(path, b"old"), "added, and in no commit"
    git(path.parent, "commit", "-m", "Begin")
    assert kept_by_git(path, b"old")
    assert replace_file(path, b"new", before=b"old") is None
    assert names(path) == [".git", "answer.prompty"]
    copy = replace_file(path, b"newer", before=b"new")
    assert copy is not None, "a change that was never committed"
    assert copy.read_bytes() == b"new"


def test_a_machine_without_git_has_copies(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert replace_file(path, b"new", before=b"old") is not None


@pytest.mark.parametrize("before", [b"older", None])
def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(path: Path, before: bytes | None) -> None:
    with pytest.raises(UsageError, match="Nothing was written"):
        replace_file(path, b"new", before=before)
    assert path.read_bytes() == b"old"
    assert names(path) == ["answer.prompty"]


def test_what_was_deleted_meanwhile_is_not_written_again(path: Path) -> None:
    path.unlink()
    with pytest.raises(UsageError, match="was changed meanwhile"):
        replace_file(path, b"new", before=b"old")
    assert names(path) == []


def test_a_new_file_makes_its_folder_and_can_be_read_as_others_can(path: Path) -> None:
    new = path.parent / "team" / "short.prompty"
    assert replace_file(new, b"new", before=None) is None
    assert new.read_bytes() == b"new"
    assert new.stat().st_mode == path.stat().st_mode


def test_permissions_and_links_stay(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.prompty"
    link.symlink_to(path)
    replace_file(link, b"new", before=b"old")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new", before=b"old")
    assert path.read_bytes() == b"old"
    assert names(path) == ["answer.prompty"]


def test_an_interrupt_at_the_last_moment_keeps_the_earlier_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    def interrupted(made: Path, target: Path) -> None:
        real(made, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_file(path, b"new", before=b"old")
    assert path.read_bytes() == b"new"
    assert path.with_name("answer.prompty.bak").read_bytes() == b"old"
    assert len(names(path)) == 2
