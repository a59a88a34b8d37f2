"""Our embedders as LangChain's, through the standard tests of LangChain and beside them."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from ragstone.errors import ConfigError, EmbedderError, UsageError
from ragstone.interop.langchain import RagstoneEmbeddings
from ragstone.testing import HashingEmbedder

SETTINGS = {"embedder": "openvino", "download": False}


class TestUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[RagstoneEmbeddings]:
        return RagstoneEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return SETTINGS


class TestIntegration(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[RagstoneEmbeddings]:
        return RagstoneEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return SETTINGS


async def test_the_vectors_are_those_of_the_embedder():
    embeddings = RagstoneEmbeddings(HashingEmbedder())
    one, two = embeddings.embed_documents(["cod", "eel"])
    assert one != two
    assert sum(value * value for value in one) == pytest.approx(1.0, abs=1e-5)
    assert await embeddings.aembed_documents(["cod", "eel"]) == [one, two]
    assert await embeddings.aembed_query("cod") == embeddings.embed_query("cod")
    assert embeddings.embed_documents([]) == await embeddings.aembed_documents([]) == []
    embeddings.close()


def test_a_text_beyond_the_window_is_refused():
    embeddings = RagstoneEmbeddings("openvino", download=False)
    with pytest.raises(EmbedderError):
        embeddings.embed_documents(["cod " * 1000])
    embeddings.close()


def test_what_makes_no_embedder_is_refused():
    with pytest.raises(ConfigError, match="no embedder of type"):
        RagstoneEmbeddings("openvine")
    with pytest.raises(UsageError, match="takes no settings"):
        RagstoneEmbeddings(HashingEmbedder(), download=False)
