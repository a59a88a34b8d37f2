"""Loaders of LangChain and readers of LlamaIndex, real ones."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ragstone.cli.app import app
from ragstone.connectors.loaders import LangChainSource, LlamaIndexSource
from ragstone.errors import ConfigError, MissingExtra, SourceUnavailable
from ragstone.project import Project
from ragstone.protocols import Source
from ragstone.types import Context, Item


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, when they are imported
        yield


async def listed(source: Source) -> list[Item]:
    return [item async for item in source.items(context=Context())]


@pytest.fixture
def fish(tmp_path: Path) -> Path:
    (tmp_path / "fish.csv").write_text("name,kg\nCod,3\nEel,1\n")
    (tmp_path / "cod.txt").write_text("Cod swims.")
    return tmp_path


async def test_a_langchain_loader_gives_a_document_for_each_of_its_own(fish: Path):
    source = LangChainSource(
        loader="langchain_community.document_loaders.CSVLoader", arguments={"file_path": str(fish / "fish.csv")}
    )
    items = await listed(source)
    place = str(fish / "fish.csv")
    assert [(item.uri, item.read()) for item in items] == [
        (place, b"name: Cod\nkg: 3"),
        (f"{place}#2", b"name: Eel\nkg: 1"),
    ]
    assert items[0].metadata["row"] == 0
    assert [item.version for item in await listed(source)] == [item.version for item in items]


async def test_another_langchain_loader(fish: Path):
    source = LangChainSource(
        loader="langchain_community.document_loaders.TextLoader", arguments={"file_path": str(fish / "cod.txt")}
    )
    assert [item.read() for item in await listed(source)] == [b"Cod swims."]


async def test_a_llamaindex_reader_gives_a_document_for_each_of_its_own(fish: Path):
    source = LlamaIndexSource(
        reader="llama_index.core.SimpleDirectoryReader",
        arguments={"input_dir": str(fish), "required_exts": [".txt"]},
        load={"show_progress": False},
    )
    (item,) = await listed(source)
    assert (item.uri, item.read()) == (str(fish / "cod.txt"), b"Cod swims.")


async def test_another_llamaindex_reader():
    source = LlamaIndexSource(
        reader="llama_index.core.readers.StringIterableReader", load={"texts": ["Cod swims.", "Eel."]}
    )
    source.name = "said"
    assert [(item.uri, item.read()) for item in await listed(source)] == [("said", b"Cod swims."), ("said#2", b"Eel.")]


@pytest.mark.parametrize(
    ("loader", "arguments", "error", "reason"),
    [
        ("no_such_package.Loader", {}, MissingExtra, "there is no 'no_such_package'"),
        ("json.NoLoader", {}, ConfigError, "json holds no NoLoader"),
        ("json.JSONDecoder", {"x": 1}, ConfigError, "refuses its `arguments`"),
        ("json.JSONDecoder", {}, SourceUnavailable, "JSONDecoder failed: AttributeError"),
    ],
)
async def test_what_is_wrong_with_a_loader_is_said(loader: str, arguments: dict[str, Any], error: type, reason: str):
    with pytest.raises(error, match=reason):
        await listed(LangChainSource(loader=loader, arguments=arguments))


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="is no dotted path"):
        LangChainSource(loader="os;system")


def test_a_project_must_allow_code_that_its_files_name(tmp_path: Path):
    assert CliRunner().invoke(app, ["init", str(tmp_path / "p")]).exit_code == 0
    path = tmp_path / "p" / "connectors" / "hub.yaml"
    path.write_text("kind: source\ntype: langchain\nloader: json.JSONDecoder\n")
    (fault,) = Project(tmp_path / "p").faults()
    assert "plugins = true" in str(fault)
    assert f"{path}:2" in str(fault)
    settings = tmp_path / "p" / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[tool.ragstone]", "[tool.ragstone]\nplugins = true"))
    assert list(Project(tmp_path / "p").faults()) == []
    settings.write_text(settings.read_text().replace("plugins = true", "plugins = 3"))
    assert "plugins must be true or false" in str(next(iter(Project(tmp_path / "p").faults())))
