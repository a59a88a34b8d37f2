"""The lexical index on a real tantivy: what it finds, and what is written."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexical_entries import CONTEXT, FRUIT, entry, filled, found
from ragstone.connectors import tantivy
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.errors import ConfigError
from ragstone.types import Condition, Scored


async def test_finds_chunks_that_hold_any_of_the_terms_best_first() -> None:
    index = await filled(*FRUIT)
    assert await found(index, "melon plum") == ["c", "b"]
    assert await found(index, "nothing") == []


async def test_ranks_by_bm25() -> None:
    index = await filled(*FRUIT)
    (scored,) = [hit for hit in await index.search(["apple"], k=3, context=CONTEXT) if hit.id == "b"]
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    length, mean = 4, 7 / 3
    assert scored.score == pytest.approx(idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * length / mean)), rel=1e-5)


async def test_a_term_given_twice_counts_twice() -> None:
    index = await filled(*FRUIT)
    once = await index.search(["melon"], k=1, context=CONTEXT)
    twice = await index.search(["melon", "melon"], k=1, context=CONTEXT)
    assert twice[0].score == pytest.approx(2 * once[0].score)


async def test_equal_scores_come_in_the_order_of_ids() -> None:
    index = await filled(*(entry(name, "same") for name in "dbca"))
    assert await found(index, "same") == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("terms", "k"), [("", 5), ("apple", 0)])
async def test_nothing_asked_finds_nothing(terms: str, k: int) -> None:
    assert await found(await filled(*FRUIT), terms, k=k) == []


async def test_k_may_exceed_the_index() -> None:
    assert await found(await filled(*FRUIT), "apple", k=10**9) == ["b", "a"]


async def test_a_question_of_a_thousand_terms_is_answered() -> None:
    assert await found(await filled(*FRUIT), " ".join(f"t{number}" for number in range(1_000)) + " fig") == ["b"]


async def test_an_entry_without_terms_is_kept_and_never_found() -> None:
    index = await filled(entry("blank"), entry("full", "word"))
    assert await index.count(context=CONTEXT) == 2
    assert await found(index, "word") == ["full"]


async def test_a_very_long_term_breaks_nothing() -> None:
    index = await filled(entry("long", "x" * 100_000 + " word"))
    assert await found(index, "word " + "x" * 100_000) == ["long"]


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_written_is_found_by_another_index_on_the_same_path(tmp_path: Path) -> None:
    reader = TantivyIndex(tmp_path)
    assert await found(reader, "apple") == []
    writer = await filled(*FRUIT, path=tmp_path)
    assert await found(reader, "apple") == ["b", "a"]
    await writer.delete(["a"], context=CONTEXT)
    assert await found(reader, "apple") == ["b"]
    assert await found(TantivyIndex(tmp_path), "apple") == ["b"]


def test_an_index_that_was_never_written_is_empty_and_creates_nothing(tmp_path: Path) -> None:
    async def use() -> None:
        index = TantivyIndex(tmp_path / "deep")
        await index.load()
        assert await found(index, "apple") == []
        assert await index.count(context=CONTEXT) == 0
        await index.delete(["a"], context=CONTEXT)
        await index.upsert([], context=CONTEXT)
        await index.close()

    asyncio.run(use())
    assert list(tmp_path.iterdir()) == []


async def test_upsert_replaces_by_id() -> None:
    index = await filled(*FRUIT)
    await index.upsert([entry("a", "cherry", metadata={"new": True})], context=CONTEXT)
    assert await found(index, "pear") == []
    assert await found(index, "cherry", where=Condition("new", "eq", True)) == ["a"]
    assert await index.count(context=CONTEXT) == 3


async def test_the_last_of_two_entries_with_one_id_stays() -> None:
    index = await filled(entry("a", "first"), entry("a", "second"))
    assert await index.count(context=CONTEXT) == 1
    assert await found(index, "first second") == ["a"]
    assert await found(index, "first") == []


async def test_delete_removes_and_an_unknown_id_is_no_error() -> None:
    index = await filled(*FRUIT)
    await index.delete(["a", "unknown", "c"], context=CONTEXT)
    assert await found(index, "apple pear melon") == ["b"]
    assert await index.count(context=CONTEXT) == 1
    await index.delete(["b"], context=CONTEXT)
    assert await found(index, "apple") == []
    assert await index.count(context=CONTEXT) == 0


async def test_collections_are_apart(tmp_path: Path) -> None:
    one, other = TantivyIndex(tmp_path, collection="one"), TantivyIndex(tmp_path, collection="other")
    await one.upsert(FRUIT, context=CONTEXT)
    await other.upsert([entry("z", "apple")], context=CONTEXT)
    assert await found(one, "apple") == ["b", "a"]
    assert await found(other, "apple") == ["z"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "../up", ".hidden", "a b"])
def test_a_collection_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no folder name"):
        TantivyIndex(tmp_path, collection=name)


async def test_writes_at_once_wait_for_each_other(tmp_path: Path) -> None:
    index = TantivyIndex(tmp_path)
    await asyncio.gather(*(index.upsert([entry(f"c{number}", "word")], context=CONTEXT) for number in range(8)))
    assert await index.count(context=CONTEXT) == 8


async def test_an_index_goes_on_after_close(tmp_path: Path) -> None:
    for index in (await filled(*FRUIT, path=tmp_path), await filled(*FRUIT)):
        await index.close()
        await index.close()
        assert await found(index, "melon") == ["c"]


async def test_no_call_blocks_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    opened = TantivyIndex._opened

    def noting(self: TantivyIndex) -> Any:
        threads.add(threading.get_ident())
        return opened(self)

    monkeypatch.setattr(TantivyIndex, "_opened", noting)
    index = TantivyIndex(tmp_path)
    await index.upsert(FRUIT, context=CONTEXT)
    await index.search(["apple"], k=1, context=CONTEXT)
    await index.close()
    await index.load()
    await index.count(context=CONTEXT)
    assert threads
    assert threading.get_ident() not in threads


words = st.lists(st.sampled_from(["apple", "pear", "plum", "fig"]), max_size=6).map(" ".join)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), words), max_size=5), max_size=6),
    st.sampled_from([0, 10_000]),
)
def test_the_statistics_count_no_removed_chunk(steps: list[dict[str, str | None]], small: int) -> None:
    """Two roads to one corpus give one index: every score is that of an index made in one go."""

    async def scores() -> tuple[Sequence[Scored], Sequence[Scored]]:
        index, kept = TantivyIndex(), dict[str, str]()
        for step in steps:
            kept = {**kept, **{name: terms for name, terms in step.items() if terms is not None}}
            kept = {name: terms for name, terms in kept.items() if step.get(name, "") is not None}
            await index.upsert(
                [entry(name, terms) for name, terms in step.items() if terms is not None], context=CONTEXT
            )
            await index.delete([name for name, terms in step.items() if terms is None], context=CONTEXT)
        fresh = await filled(*(entry(name, terms) for name, terms in kept.items()))
        asked = ["apple", "pear", "plum"]
        return await index.search(asked, k=99, context=CONTEXT), await fresh.search(asked, k=99, context=CONTEXT)

    with small_is(small):
        got, wanted = asyncio.run(scores())
    assert [scored.id for scored in got] == [scored.id for scored in wanted]
    assert [scored.score for scored in got] == pytest.approx([scored.score for scored in wanted], rel=1e-6)


@contextmanager
def small_is(chunks: int) -> Iterator[None]:
    usual, tantivy.SMALL = tantivy.SMALL, chunks
    try:
        yield
    finally:
        tantivy.SMALL = usual


async def test_a_larger_index_counts_a_few_removed_chunks_and_no_more() -> None:
    with small_is(10):
        index = await filled(*(entry(f"c{number}", "word") for number in range(100)))
        for number in range(60):
            await index.delete([f"c{number}"], context=CONTEXT)
            searcher = index._searcher()
            assert searcher is not None
            stale = searcher.doc_freq("facts", "any") - searcher.num_docs
            assert stale <= 0.05 * searcher.num_docs
