"""Small chunks are found, their parents or neighbours are read."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragstone.ingestion.split import split
from ragstone.ingestion.splitters.parent_child import ParentChildSplitter
from ragstone.retrieval.expand import expand, joined, neighbourhood
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


# ── Neighbours ───────────────────────────────────────────────────────────────────────────────────────────────────────

cuts = st.sets(st.integers(0, len(TEXT)), min_size=2, max_size=8).map(lambda found: list(pairwise(sorted(found))))


def part(start: int, end: int, rank: int, document: str = "d") -> Hit:
    """A hit that is a range of the text."""
    line = TEXT.count("\n", 0, start) + 1
    chunk = Chunk(
        id=f"{document}{start}-{end}",
        document_id=document,
        uri="cod.md",
        title="Cod",
        text=TEXT[start:end],
        start=start,
        end=end,
        line=line,
    )
    return Hit(chunk, rank, {"final": 1 / rank})


@given(cuts, st.data(), st.integers(0, 4), st.integers(0, 6))
def test_a_neighbourhood_reaches_so_many_chunks_to_each_side(
    ranges: list[tuple[int, int]], data: st.DataObject, count: int, overlap: int
):
    ranges = [(max(0, start - overlap), end) for start, end in ranges]
    at = data.draw(st.integers(0, len(ranges) - 1))
    near = ranges[max(0, at - count) : at + count + 1]
    found = neighbourhood(part(*ranges[at], 1).chunk, ranges, count)
    assert found == (min(start for start, _ in near), max(end for _, end in near))


def test_a_chunk_that_is_not_among_the_others_lies_between_its_neighbours():
    others = [(0, 5), (5, 10), (20, 25), (25, 30)]
    assert neighbourhood(part(12, 18, 1).chunk, others, 1) == (5, 25)
    assert neighbourhood(part(32, 36, 1).chunk, others, 1) == (25, 36)
    assert neighbourhood(part(12, 18, 1).chunk, [], 1) == (12, 18)


def test_ranges_outweigh_parents_and_equal_ones_are_read_once():
    first, second = hit("Cod swims.", 1, (0, 28)), hit("It is big.", 2, (0, 28))
    found = expand([first, second], {"d": DOCUMENT}, {"Cod swims.": (0, 17)})
    assert [(each.chunk.start, each.chunk.end) for each in found] == [(0, 17), (0, 28)]
    found = expand([second, first], {"d": DOCUMENT}, {"Cod swims.": (7, 28), "It is big.": (7, 28)})
    assert [(each.chunk.id, each.chunk.text, each.rank) for each in found] == [("It is big.", TEXT[7:28], 1)]


# ── Hits made into one ───────────────────────────────────────────────────────────────────────────────────────────────


def places(hits: list[Hit]) -> list[tuple[int, int, int]]:
    return [(each.rank, each.chunk.start, each.chunk.end) for each in hits]


def test_hits_that_touch_become_one_where_the_best_of_them_stood():
    hits = [part(40, 46, 1), part(17, 28, 2), part(7, 17, 3), part(0, 3, 4)]
    found = joined(hits, {"d": DOCUMENT})
    assert places(found) == [(1, 40, 46), (2, 7, 28), (3, 0, 3)]
    whole = found[1]
    assert (whole.chunk.id, whole.chunk.line, dict(whole.scores)) == ("d17-28", 3, {"final": 1 / 2})
    assert whole.chunk.heading == ("Cod",)


def test_only_blanks_between_them_are_no_gap():
    assert places(joined([part(7, 17, 1), part(18, 28, 2)], {"d": DOCUMENT})) == [(1, 7, 28)]
    assert places(joined([part(7, 15, 1), part(18, 28, 2)], {"d": DOCUMENT})) == [(1, 7, 15), (2, 18, 28)]


def test_hits_of_two_documents_or_of_one_that_may_not_be_read_stay_apart():
    hits = [part(7, 17, 1), part(17, 28, 2, "e")]
    assert joined(hits, {"d": DOCUMENT, "e": replace(DOCUMENT, id="e")}) == hits
    assert joined([part(7, 17, 1), part(17, 28, 2)], {}) == [part(7, 17, 1), part(17, 28, 2)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=8, unique=True))
def test_joined_hits_cover_what_was_found_and_nothing_else(ranges: list[tuple[int, int]]):
    hits = [part(start, start + length, rank) for rank, (start, length) in enumerate(ranges, 1)]
    found = joined(hits, {"d": DOCUMENT})
    covered = {at for each in hits for at in range(each.chunk.start, each.chunk.end)}
    now = {at for each in found for at in range(each.chunk.start, each.chunk.end)}
    assert covered <= now
    assert all(TEXT[at].isspace() for at in now - covered)
    assert sum(each.chunk.end - each.chunk.start for each in found) == len(now)  # none overlaps another
    assert [each.rank for each in found] == list(range(1, len(found) + 1))
    for each in found:
        assert each.chunk.text == TEXT[each.chunk.start : each.chunk.end]
        assert each.chunk.line == TEXT.count("\n", 0, each.chunk.start) + 1
    bests = [min(one.rank for one in hits if one.chunk.id == each.chunk.id) for each in found]
    assert bests == sorted(bests)
