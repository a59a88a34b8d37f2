"""The repository is a project folder, and what `ragstone init` writes is the same one."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.config import template
from ragstone.errors import ConfigError, ProjectNotFound
from ragstone.project import FOLDERS, Project, find

ROOT = Path(__file__).parents[1]


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for name in FOLDERS
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def test_this_repository_is_a_project_without_faults():
    assert find(ROOT / "docs") == ROOT
    assert [str(fault) for fault in Project(ROOT).faults()] == []


def test_init_writes_the_folders_of_this_repository_pointed_at_documents(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    ours, theirs = files(ROOT), files(tmp_path)
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"connectors/documents.yaml"}
    assert "path: documents" in theirs["connectors/documents.yaml"]
    assert [str(fault) for fault in Project(tmp_path).faults()] == []


@pytest.mark.parametrize("model", [Default.openai, Default.anthropic, Default.local])
def test_another_model_changes_the_route_alone(tmp_path: Path, model: Default):
    write(tmp_path / "plain", model=Default.extractive)
    write(tmp_path / "other", model=model)
    plain, other = files(tmp_path / "plain"), files(tmp_path / "other")
    assert {name for name in plain if plain[name] != other[name]} == {"pipelines/answer.yaml"}
    assert f"models: [{model}]" in other["pipelines/answer.yaml"]
    assert [str(fault) for fault in Project(tmp_path / "other").faults()] == []


def test_the_template_is_the_repository_in_an_editable_install():
    assert template() == ROOT


def test_an_unknown_setting_is_refused_when_the_folder_is_opened(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    path = tmp_path / "pyproject.toml"
    path.write_text(path.read_text() + "plugin = true\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:\d:1: unknown key 'plugin'"):
        ragstone.open(tmp_path)


def test_a_folder_that_is_no_project_is_said(tmp_path: Path):
    with pytest.raises(ProjectNotFound, match="ragstone init"):
        find(tmp_path)


def test_folders_have_a_short_readme_that_names_the_twin():
    for name in FOLDERS:
        text = (ROOT / name / "README.md").read_text()
        own = [line for line in text.splitlines() if not line.startswith("|")]
        assert len(own) <= 30
        assert f"src/ragstone/{name}" in text
