"""A project with one document, and a way to run a command in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ragstone.cli.app import app

HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Runs a command in this process."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """A new project folder with one document, which is the current folder."""
    folder = tmp_path / "mydocs"
    assert run("init", folder).exit_code == 0
    (folder / "documents" / "halibut.md").write_text(HALIBUT)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the state of the first project that was ingested is kept for the others."""
    return tmp_path_factory.mktemp("first") / "state"


@pytest.fixture
def ingested(project: Path, run: Run, first: Path) -> Path:
    """The same, ingested."""
    if first.exists():
        shutil.copytree(first, project / ".ragstone")
    else:
        assert run("ingest").exit_code == 0
        shutil.copytree(project / ".ragstone", first)
    return project
