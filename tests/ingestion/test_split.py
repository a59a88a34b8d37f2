from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ragstone.ingestion.split import chunk_id, split
from ragstone.protocols import Splitter
from ragstone.types import Document, Piece, Span


class Given(Splitter):
    """A splitter that cuts where it is told."""

    def __init__(self, *pieces: Piece, fingerprint: str = "given") -> None:
        self.pieces, self.fingerprint = pieces, fingerprint

    def split(self, document: Document) -> Sequence[Piece]:
        return self.pieces


def document(text: str, spans: Sequence[Span] = ()) -> Document:
    return Document(
        id="d1",
        source="papers",
        uri="documents/cod.md",
        title="Cod",
        media_type="text/markdown",
        verbatim=True,
        text=text,
        content_hash="",
        spans=tuple(spans),
        metadata={"lang": "en"},
        acl=("anna",),
    )


def test_a_chunk_carries_its_text_its_place_and_what_the_document_says() -> None:
    (chunk, ids), (second, none) = split(document("Cod swims.\nEel."), Given(Piece(0, 10, (1, 2)), Piece(11, 15)))
    assert (chunk.text, chunk.start, chunk.end, chunk.line, ids) == ("Cod swims.", 0, 10, 1, (1, 2))
    assert (second.text, second.start, second.end, second.line, none) == ("Eel.", 11, 15, 2, None)
    assert (chunk.document_id, chunk.uri, chunk.title) == ("d1", "documents/cod.md", "Cod")
    assert (chunk.metadata, chunk.acl) == ({"lang": "en"}, ("anna",))


def test_the_id_is_of_document_splitter_and_range() -> None:
    pieces = Piece(0, 3), Piece(0, 4), Piece(1, 3)
    found = [chunk.id for chunk, _ in split(document("cod swims"), Given(*pieces))]
    again = [chunk.id for chunk, _ in split(document("eel swims"), Given(*pieces))]
    other = [chunk.id for chunk, _ in split(document("cod swims"), Given(*pieces, fingerprint="other"))]
    assert found == again == [chunk_id("d1", "given", piece.start, piece.end) for piece in pieces]
    assert len({*found, *other}) == 6


pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12).map(
    lambda drawn: [Piece(start, min(start + length, 61)) for start, length in sorted(drawn)]
)
spans = st.lists(
    st.builds(
        lambda start, length: Span("heading", start, start + length, "x"), st.integers(0, 60), st.integers(0, 61)
    ),
    max_size=12,
)


@given(st.text("ab\n", min_size=61, max_size=61), pieces, spans)
def test_lines_are_counted_and_spans_chosen_for_any_ranges(text: str, pieces: list[Piece], spans: list[Span]) -> None:
    for chunk, _ in split(document(text, spans), Given(*pieces)):
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.line == text[: chunk.start].count("\n") + 1
        overlapping = [span for span in spans if span.start < chunk.end and span.end > chunk.start]
        assert list(chunk.spans) == sorted(overlapping, key=lambda span: span.start)


def test_words_that_a_document_repeats_make_one_chunk() -> None:
    class Lines(Splitter):
        fingerprint = "lines"

        def split(self, document: Document) -> list[Piece]:
            return [Piece(at * 5, at * 5 + 4) for at in range(len(document.text) // 5)]

    document = Document(
        id="d",
        source="s",
        uri="log.txt",
        title="",
        media_type="text/plain",
        verbatim=True,
        text="same\nsame\nelse\nsame\n",
        content_hash="",
    )
    assert [(chunk.text, chunk.line) for chunk, _ in split(document, Lines())] == [("same", 1), ("else", 3)]


def test_context_and_parent_come_along_and_belong_to_the_id() -> None:
    pieces = Piece(0, 3), Piece(0, 3, context="fish"), Piece(0, 3, context="bird", parent=(0, 9))
    found = [chunk for chunk, _ in split(document("cod swims"), Given(*pieces))]
    assert [chunk.embedded for chunk in found] == ["cod", "fish\ncod", "bird\ncod"]
    assert [chunk.parent for chunk in found] == [None, None, (0, 9)]
    assert {chunk.text for chunk in found} == {"cod"}
    assert len({chunk.id for chunk in found}) == 3


def test_equal_rows_under_equal_headers_make_one_chunk() -> None:
    pieces = Piece(0, 3, context="fish"), Piece(4, 7, context="fish"), Piece(8, 11, context="bird")
    found = [chunk for chunk, _ in split(document("cod cod cod"), Given(*pieces))]
    assert [(chunk.start, chunk.context) for chunk in found] == [(0, "fish"), (8, "bird")]


def test_lines_are_counted_where_the_text_is_the_file_s_own() -> None:
    csv = replace(document("a\nb"), media_type="text/csv", verbatim=False)
    assert [chunk.line for chunk, _ in split(csv, Given(Piece(2, 3)))] == [None]
    assert [chunk.line for chunk, _ in split(replace(csv, verbatim=True), Given(Piece(2, 3)))] == [2]
