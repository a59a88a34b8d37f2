"""A Rag of parts that are small and always answer alike."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import ragstone
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, when they are imported
    import langchain_tests.integration_tests  # noqa: F401
    import llama_index.core  # noqa: F401

FISH = {
    "cod.md": "# Cod\n\nCod swims in cold water.\n",
    "eel.md": "# Eel\n\n## Where it swims\n\nThe eel swims up rivers.\n",
    "ray.md": "# Ray\n\nThe ray swims along the ground.\n",
    "carp.md": "# Carp\n\nThe carp swims in ponds.\n",
}


def parts() -> dict[str, Any]:
    return {
        "embedder": HashingEmbedder(),
        "store": MemoryStore(),
        "lexical": MemoryLexicalIndex(),
        "model": ScriptedModel(lambda prompt: "Cod swims in cold water [1]."),
        "sources": [MemorySource(FISH)],
    }


@pytest.fixture
def rag() -> Iterator[ragstone.Rag]:
    with ragstone.Rag(**parts()) as made:
        made.ingest()
        yield made
