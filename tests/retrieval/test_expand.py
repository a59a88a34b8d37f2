"""Small chunks are found, their parents are read."""

from __future__ import annotations

from dataclasses import replace

from ragstone.ingestion.split import split
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.retrieval.expand import expand
from ragstone.testing import HashingEmbedder
from ragstone.types import Chunk, Document, Hit, Span

TEXT = "# Cod\n\nCod swims.\nIt is big.\n\n# Eel\n\nEel too."
DOCUMENT = Document(
    id="d",
    source="s",
    uri="cod.md",
    title="Cod",
    media_type="text/markdown",
    verbatim=True,
    text=TEXT,
    content_hash="",
    spans=(Span("heading", 0, 30, "Cod", 1), Span("heading", 30, len(TEXT), "Eel", 1)),
)


def hit(words: str, rank: int, parent: tuple[int, int] | None, *, context: str = "") -> Hit:
    start = TEXT.index(words)
    chunk = Chunk(
        id=words,
        document_id="d",
        uri="cod.md",
        title="Cod",
        text=words,
        start=start,
        end=start + len(words),
        line=TEXT.count("\n", 0, start) + 1,
        parent=parent,
        context=context,
    )
    return Hit(chunk, rank, {"fused": 1 / rank})


def test_a_parent_stands_in_the_place_of_its_best_child() -> None:
    hits = [hit("Eel too.", 1, None), hit("It is big.", 2, (0, 28)), hit("Cod swims.", 3, (0, 28))]
    found = expand(hits, {"d": DOCUMENT})
    assert [(each.chunk.text, each.rank) for each in found] == [("Eel too.", 1), (TEXT[:28], 2)]
    parent = found[1].chunk
    assert (parent.id, parent.start, parent.end, parent.line, parent.parent) == ("It is big.", 0, 28, 1, None)
    assert (parent.heading, found[1].scores) == (("Cod",), {"fused": 1 / 2})


def test_a_hit_without_a_parent_stays_as_it_is() -> None:
    hits = [hit("Eel too.", 1, None)]
    assert expand(hits, {}) == hits


def test_a_hit_whose_document_is_gone_or_changed_stays_as_it_is() -> None:
    hits = [hit("Cod swims.", 1, (0, 28))]
    assert expand(hits, {}) == hits
    assert expand(hits, {"d": replace(DOCUMENT, text="Something else.")}) == hits


def test_a_context_that_the_parent_says_itself_is_not_said_twice() -> None:
    hits = [hit("Cod swims.", 1, (0, 28), context="# Cod"), hit("Eel too.", 2, (30, 44), context="name | kg")]
    assert [each.chunk.context for each in expand(hits, {"d": DOCUMENT})] == ["", "name | kg"]


def test_every_chunk_that_the_splitter_makes_can_be_expanded() -> None:
    document = replace(DOCUMENT, text=TEXT * 40, spans=())
    chunks = [chunk for chunk, _ in split(document, ParentChildSplitter(embedder=HashingEmbedder(), size=20))]
    found = expand([Hit(chunk, rank, {}) for rank, chunk in enumerate(chunks, 1)], {"d": document})
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    assert len(found) < len(chunks)
    for each in found:
        assert each.chunk.text == document.text[each.chunk.start : each.chunk.end]
        assert each.chunk.line == document.text.count("\n", 0, each.chunk.start) + 1
