from __future__ import annotations

import pytest

from ragstone.errors import ConfigError
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites.splitter import TABLE, document_of

EMBEDDER = HashingEmbedder()


def test_children_lie_in_the_pieces_that_tokens_would_make_of_the_parent_size() -> None:
    document = document_of(
        [("heading", "# A"), ("text", "Cod swims. " * 40), ("heading", "# B"), ("text", "Eel. " * 9)]
    )
    children = ParentChildSplitter(embedder=EMBEDDER, size=20, parent_size=60).split(document)
    parents = TokenSplitter(embedder=EMBEDDER, size=60).split(document)
    assert list(dict.fromkeys(child.parent for child in children)) == [(each.start, each.end) for each in parents]
    assert all(child.ids and len(child.ids) <= 20 for child in children)


def test_a_parent_may_be_longer_than_the_window() -> None:
    document = document_of([("text", "Cod swims. " * 500)])
    children = ParentChildSplitter(embedder=EMBEDDER, size=50, parent_size=1_000).split(document)
    longest = max(child.parent[1] - child.parent[0] for child in children if child.parent)
    assert longest > EMBEDDER.window * 3


def test_a_child_in_the_middle_of_a_table_has_its_header() -> None:
    document = document_of([("table", TABLE)])
    children = ParentChildSplitter(embedder=EMBEDDER, size=20, parent_size=100).split(document)
    assert {child.context for child in children[1:]} == {TABLE.splitlines()[0]}


def test_a_parent_smaller_than_a_child_is_refused() -> None:
    with pytest.raises(ConfigError, match="parent_size is out of range: expected 100, the size, or more, found 99"):
        ParentChildSplitter(embedder=EMBEDDER, size=100, parent_size=99)
