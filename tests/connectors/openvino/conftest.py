"""The real weights of all-MiniLM-L6-v2, and a network small enough to be broken in many ways."""

from __future__ import annotations

from pathlib import Path

import pytest

import bert_in_numpy
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.weights import DEFAULT_MODEL, find_model


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the weights package, which the test environment installs."""
    return find_model(DEFAULT_MODEL, Cache())


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="session")
def embedder(kept: Path) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(cache=kept)


@pytest.fixture
def tiny(tmp_path: Path, minilm: Path) -> Path:
    """A BERT of one layer with random weights and MiniLM's tokenizer."""
    folder = tmp_path / "tiny"
    bert_in_numpy.write_tiny(folder, minilm / "tokenizer.json")
    return folder
