"""The lexical index on a real tantivy: what it finds, what its filters let through, what survives a killed process."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.connectors import tantivy
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.errors import ConfigError, IndexBusy, StateError, StorageFull, UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS
from ragstone.types import Chunk, Condition, Context, Entry, Filter, Group, Scored

CONTEXT = Context()


def entry(
    name: str, terms: str = "", *, acl: Sequence[str] = ("public",), metadata: Mapping[str, Any] | None = None
) -> Entry:
    chunk = Chunk(
        id=name,
        document_id="document",
        uri="uri",
        title="",
        text="",
        start=0,
        end=0,
        line=1,
        acl=tuple(acl),
        metadata=metadata or {},
    )
    return Entry(chunk, terms.split())


async def filled(*entries: Entry, path: Path | None = None) -> TantivyIndex:
    index = TantivyIndex(path)
    await index.upsert(entries, context=CONTEXT)
    return index


async def found(index: TantivyIndex, terms: str, *, k: int = 10, where: Filter | None = None) -> list[str]:
    return [scored.id for scored in await index.search(terms.split(), k=k, where=where, context=CONTEXT)]


FRUIT = (entry("a", "apple pear"), entry("b", "apple apple plum fig"), entry("c", "melon"))


# ── Finding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── Filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def lets_through(where: Filter, fields: Mapping[str, Any]) -> bool:
    """What a filter means, in plain Python."""
    if isinstance(where, Group):
        parts = [lets_through(part, fields) for part in where.parts]
        return {"and": all(parts), "or": any(parts), "not": not any(parts)}[where.op]
    value, operand = fields.get(where.field), where.value
    several = value if isinstance(value, list) else [value]
    member = where.op in ("in", "nin") and any(same(one, other) for one in several for other in operand)
    match where.op:
        case "eq":
            return same(value, operand)
        case "ne":
            return not same(value, operand)
        case "contains":
            return isinstance(value, list) and any(same(one, operand) for one in value)
        case "exists":
            return (where.field in fields) == operand
        case "in" | "nin":
            return member == (where.op == "in")
        case "gt":
            return number(value) and value > operand
        case "gte":
            return number(value) and value >= operand
        case "lt":
            return number(value) and value < operand
    assert where.op == "lte"
    return number(value) and value <= operand


fields = st.sampled_from(["year", "lang", "tags", "a.b c", "größe", "acl-like", "year 1"])
numbers = st.one_of(
    st.integers(-3, 3), st.floats(-2, 2).map(lambda value: round(value, 1)), st.sampled_from([2**60, -1e300, 0.1 + 0.2])
)
scalars = st.one_of(numbers, st.booleans(), st.sampled_from(["", "en", "EN", "a b", "1", "true", "*", "größe"]))
metadata = st.dictionaries(fields, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=4)
conditions = st.one_of(
    st.builds(Condition, fields, st.sampled_from(["eq", "ne", "contains"]), scalars),
    st.builds(Condition, fields, st.sampled_from(["in", "nin"]), st.lists(scalars, max_size=3)),
    st.builds(Condition, fields, st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.builds(Condition, fields, st.just("exists"), st.booleans()),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(Group, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Group, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=5,
)


@settings(deadline=None, max_examples=300)
@given(st.lists(metadata, min_size=1, max_size=6), filters)
def test_a_filter_lets_through_what_it_means(documents: list[dict[str, Any]], where: Filter) -> None:
    async def passing() -> list[str]:
        index = await filled(*(entry(str(at), "word", metadata=each) for at, each in enumerate(documents)))
        return await found(index, "word", where=where)

    expected = [str(at) for at, each in enumerate(documents) if lets_through(where, each)]
    assert sorted(asyncio.run(passing())) == expected


@given(st.lists(st.floats(allow_nan=False), min_size=2))
def test_digits_of_numbers_sort_as_the_numbers_do(values: list[float]) -> None:
    digits = [tantivy._sortable(value) for value in sorted(values)]
    assert digits == sorted(digits)
    assert all(len(each) == 16 for each in digits)


async def test_a_number_beyond_all_floats_is_beyond_them_all() -> None:
    index = await filled(entry("a", "word", metadata={"n": 10**400}), entry("b", "word", metadata={"n": -(10**400)}))
    assert await found(index, "word", where=Condition("n", "gt", 1e308)) == ["a"]
    assert await found(index, "word", where=Condition("n", "lt", -1e308)) == ["b"]
    assert await found(index, "word", where=Condition("n", "eq", 10**400)) == ["a"]
    assert await found(index, "word", where=Condition("n", "gt", math.inf)) == []


async def test_metadata_may_be_long_and_of_any_characters() -> None:
    long, odd = "x" * 70_000, "\ud800 \0 'quoted'"
    index = await filled(entry("a", "word", metadata={"long": long}), entry("b", "word", metadata={"o d.d": odd}))
    assert await found(index, "word", where=Condition("long", "eq", long)) == ["a"]
    assert await found(index, "word", where=Condition("long", "eq", long[:-1])) == []
    assert await found(index, "word", where=Condition("o d.d", "in", [odd])) == ["b"]


async def test_a_filter_changes_no_score() -> None:
    index = await filled(*FRUIT)
    free = await index.search(["apple"], k=3, context=CONTEXT)
    held = await index.search(["apple"], k=3, where=Condition("acl", "in", ("public", "x")), context=CONTEXT)
    assert held == free


async def test_the_acl_lets_through_who_is_named() -> None:
    index = await filled(
        entry("everyone", "word"),
        entry("hr", "word", acl=["group:hr", "group:law"]),
        entry("ana", "word", acl=["ana"]),
        entry("nobody", "word", acl=[]),
        entry("liar", "word", acl=["boss"], metadata={"acl": ["public"]}),
    )

    async def seen(*principals: str) -> list[str]:
        return sorted(await found(index, "word", where=Condition("acl", "in", ("public", *principals))))

    assert await seen() == ["everyone"]
    assert await seen("group:hr") == ["everyone", "hr"]
    assert await seen("group:law", "ana") == ["ana", "everyone", "hr"]
    assert await seen("group", "hr", "an", "ANA") == ["everyone"]
    assert await found(index, "word", where=Condition("acl", "contains", "group:law")) == ["hr"]


async def test_a_filter_runs_inside_the_query() -> None:
    index = await filled(*(entry(f"c{at}", "word", metadata={"last": at == 99}) for at in range(100)))
    assert await found(index, "word", k=1, where=Condition("last", "eq", True)) == ["c99"]


def test_every_operator_is_declared() -> None:
    assert TantivyIndex().capabilities.filters == FILTERS


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (Condition("a", "like", "x"), UnsupportedFilter),
        (Group("xor", ()), UnsupportedFilter),  # type: ignore[arg-type]
        (Condition("a", "gt", "x"), UsageError),
        (Condition("a", "lt", True), UsageError),
        (Condition("a", "in", "x"), UsageError),
        (Condition("a", "in", 3), UsageError),
        (Condition("a", "eq", None), UsageError),
        (Condition("a", "eq", ["x"]), UsageError),
    ],
)
async def test_a_filter_that_it_cannot_run_is_an_error(where: Filter, error: type[Exception]) -> None:
    with pytest.raises(error):
        await found(await filled(*FRUIT), "apple", where=where)


# ── Trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────────

WRITER = """
import asyncio, pathlib, sys
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.types import Chunk, Context, Entry

async def main(path):
    index = TantivyIndex(path)
    for batch in range(10_000):
        named = dict(document_id="d", uri="u", title="", text="", start=0, end=0, line=1)
        chunks = [Chunk(id=f"{at}", **named) for at in range(50)]
        await index.upsert([Entry(chunk, ["word", f"batch{batch}"]) for chunk in chunks], context=Context())
        print(batch, flush=True)

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""

HOLDER = """
import sys
from ragstone.connectors.tantivy import TantivyIndex
import pathlib
with TantivyIndex(pathlib.Path(sys.argv[1]))._writer():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_writer_loses_nothing_it_finished_and_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(5):
            last = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        last = max([last, *(int(line) for line in process.stdout.read().split())])

    async def after() -> tuple[int, list[str], int]:
        index = TantivyIndex(tmp_path)
        count, kept = await index.count(context=CONTEXT), await found(index, f"batch{last} batch{last + 1}", k=99)
        await index.upsert([entry("new", "word")], context=CONTEXT)
        return count, kept, await index.count(context=CONTEXT)

    count, kept, more = asyncio.run(after())
    assert (count, len(kept), more) == (50, 50, 51)


def test_a_second_writer_is_told_that_the_index_is_busy(tmp_path: Path) -> None:
    index = asyncio.run(filled(*FRUIT, path=tmp_path))
    one_more = [entry("z", "apple")]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(IndexBusy, match="another process is writing"):
            asyncio.run(index.upsert(one_more, context=CONTEXT))
        assert asyncio.run(found(index, "apple")) == ["b", "a"]
        process.communicate("")
    asyncio.run(index.upsert(one_more, context=CONTEXT))
    assert asyncio.run(index.count(context=CONTEXT)) == 4


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage")


def _shorter(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("meta.json", _garbage),
        (".managed.json", _garbage),
        ("*.store", Path.unlink),
        ("*.idx", _shorter),
        ("*.term", _garbage),
        ("*.fieldnorm", _shorter),
    ],
)
async def test_a_damaged_index_says_what_to_do(tmp_path: Path, pattern: str, damage: Any) -> None:
    await filled(*FRUIT, path=tmp_path)
    (file,) = (tmp_path / "ragstone").glob(pattern)
    damage(file)
    index = TantivyIndex(tmp_path)
    for call in (index.search(["apple"], k=3, context=CONTEXT), index.upsert(FRUIT, context=CONTEXT)):
        with pytest.raises(StateError, match="Delete this folder") as caught:
            await call
        assert str(tmp_path / "ragstone") in str(caught.value)


async def test_a_panic_over_damaged_postings_is_an_error_like_any_other(tmp_path: Path, capfd: Any) -> None:
    await filled(*(entry(f"c{at}", f"word w{at}") for at in range(300)), path=tmp_path)
    (file,) = (tmp_path / "ragstone").glob("*.idx")
    data = file.read_bytes()
    file.write_bytes(b"\xa9" * (len(data) - 250) + data[-250:])  # the footer stays as it was
    with pytest.raises(StateError, match="Delete this folder"):
        await found(TantivyIndex(tmp_path), "word w7")
    capfd.readouterr()  # tantivy prints where it panicked


async def test_an_index_of_another_shape_is_refused(tmp_path: Path) -> None:
    import tantivy as library

    folder = tmp_path / "ragstone"
    folder.mkdir()
    library.Index(library.SchemaBuilder().add_text_field("other").build(), str(folder))
    with pytest.raises(StateError, match="schema does not match"):
        await found(TantivyIndex(tmp_path), "apple")


async def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ragstone").write_text("")
    with pytest.raises(StateError):
        await filled(*FRUIT, path=tmp_path)


def test_a_full_disk_is_told_as_one() -> None:
    error = tantivy._translation("Internal error: 'No space left on device (os error 28)'", "here")
    assert isinstance(error, StorageFull)
    assert "Free some space" in str(error)


async def test_an_error_that_is_no_fault_of_the_index_passes_through(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        await filled(entry("\ud800", "word"), path=tmp_path)
