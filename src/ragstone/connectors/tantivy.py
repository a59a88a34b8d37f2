"""Tantivy: a lexical index on disk, ranked by BM25 (k1 1.2, b .75).

Tantivy sees three fields and analyses none of them: the chunk's id, our own terms joined by spaces, and facts. A fact
is a short token that says one thing about a chunk ("year is 2024", "acl has group:hr"), so every filter is a lookup of
tokens, whatever the keys of the metadata are.

A removed chunk counts in tantivy's statistics until its segment is written anew, and tantivy's merge policy, which
cannot be set from Python, gives no weight to that. So the terms are stored as well, and the index is written anew from
them: after every removal while it is small, later before a twentieth of it is stale. Then every score is what it would
be had the chunk never been there.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import shutil
import struct
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import tantivy
from tantivy import Occur, Query

from ragstone.errors import ConfigError, IndexBusy, StateError, StorageFull, UnsupportedFilter, UsageError
from ragstone.protocols import FILTERS, Capabilities, LexicalIndex
from ragstone.types import Chunk, Condition, Context, Entry, Filter, Scored

__all__ = ["TantivyIndex"]

HEAP = 50_000_000  # bytes that a writer collects before it writes a segment
SMALL = 10_000
"""Chunks; in an index no larger than this the statistics never count a removed one. Writing it anew takes 0.4 s."""

_STALE = 0.05  # removed chunks that a larger index may count, per chunk: each removal costs 20 writes at most
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ANY = "any"  # a fact that every chunk has
_SCHEMA = (
    tantivy.SchemaBuilder()
    .add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    .add_text_field("terms", stored=True, tokenizer_name="whitespace", index_option="freq")
    .add_text_field("facts", stored=True, tokenizer_name="raw", index_option="basic")
    .build()
)


class TantivyIndex(LexicalIndex):
    """A folder of its own per collection; without a path it lives in memory.

    Readers and one writer work at the same time, in any number of processes. A writer holds the index only while it
    writes, and a killed one leaves no lock behind.
    """

    capabilities = Capabilities(filters=FILTERS)

    def __init__(self, path: Path | None = None, *, collection: str = "ragstone") -> None:
        if not _NAME.fullmatch(collection):
            raise ConfigError(
                "the collection's name is no folder name",
                expected="letters, digits, '.', '_' and '-'",
                found=repr(collection),
            )
        self._folder = path / collection if path else None
        self._index = None if path else self._opened()
        self._stamp: tuple[int, int] | None = None
        self._opening, self._writing = threading.Lock(), threading.Lock()

    async def load(self) -> None:
        """Opens the index, where there is one."""
        await asyncio.to_thread(self._searcher)

    async def close(self) -> None:
        """Closes the files. The next call opens them again; what lives in memory stays."""
        if self._folder:
            self._index = self._stamp = None

    async def upsert(self, entries: Sequence[Entry], *, context: Context) -> None:
        """Writes or replaces, by chunk id, all or none. On return the entries are on disk and can be found."""
        latest = {entry.chunk.id: entry for entry in entries}
        await asyncio.to_thread(self._replace, list(latest), latest.values())

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes, all or none; an unknown id is no error."""
        await asyncio.to_thread(self._replace, list(dict.fromkeys(ids)), ())

    async def search(
        self, terms: Sequence[str], *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks that hold any of the terms, by BM25, best first; equal scores by id.

        A term that is given twice counts twice, as in the sum over the question's words that BM25 is.
        """
        return await asyncio.to_thread(self._search, Counter(terms), k, where)

    async def frequencies(self, terms: Sequence[str], *, context: Context) -> Mapping[str, int]:
        """In how many entries each term stands."""
        return await asyncio.to_thread(self._frequencies, frozenset(terms))

    async def count(self, *, context: Context) -> int:
        """How many entries it keeps."""
        searcher = await asyncio.to_thread(self._searcher)
        return searcher.num_docs if searcher else 0

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all entries."""
        return await asyncio.to_thread(self._ids)

    async def drop(self, *, context: Context) -> None:
        """Removes the folder; in memory, a new index takes the place of the old."""
        await asyncio.to_thread(self._drop)

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _search(self, terms: Counter[str], k: int, where: Filter | None) -> list[Scored]:
        searcher = self._searcher()
        if searcher is None or not terms or k < 1 or not searcher.num_docs:
            return []
        any_term = Query.boolean_query([(Occur.Should, _term(term, times)) for term, times in terms.items()])
        query = any_term
        if where is not None:
            passing = Query.const_score_query(_filter(where), 0.0)  # else each match adds 1 to the score
            query = Query.boolean_query([(Occur.Must, any_term), (Occur.Must, passing)])
        with self._translated():
            hits = searcher.search(query, limit=min(k, searcher.num_docs), count=False).hits
            found = [Scored(str(searcher.doc(address)["id"][0]), float(score)) for score, address in hits]
        return sorted(found, key=lambda scored: (-scored.score, scored.id))

    def _frequencies(self, terms: frozenset[str]) -> dict[str, int]:
        searcher = self._searcher()
        if searcher is None:
            return {}
        with self._translated():
            return {term: searcher.doc_freq("terms", term) for term in terms}

    def _searcher(self) -> tantivy.Searcher | None:
        """The index as last committed, by whatever process; None where nothing was ever written."""
        with self._opening, self._translated():
            if self._folder is None:
                assert self._index is not None
                self._index.reload()
                return self._index.searcher()
            try:
                stat = (self._folder / "meta.json").stat()  # each commit puts a new file in its place
            except FileNotFoundError:
                self._index = self._stamp = None
                return None
            stamp = (stat.st_ino, stat.st_mtime_ns)
            if self._index is None or stamp != self._stamp:
                self._index, self._stamp = self._opened(), stamp
            return self._index.searcher()

    def _opened(self) -> tantivy.Index:
        index = tantivy.Index(_SCHEMA, str(self._folder) if self._folder else None)
        index.config_reader("manual")  # else a thread of tantivy's own watches the folder
        index.reload()
        return index

    def _ids(self) -> list[str]:
        searcher = self._searcher()
        if searcher is None or not searcher.num_docs:
            return []
        with self._translated():
            hits = searcher.search(Query.all_query(), limit=searcher.num_docs, count=False).hits
            return [str(searcher.doc(address)["id"][0]) for _, address in hits]

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _drop(self) -> None:
        with self._writing, self._translated():
            if self._folder is None:
                self._index = self._opened()
            elif self._folder.exists():
                self._index = self._stamp = None
                shutil.rmtree(self._folder)

    def _replace(self, ids: Sequence[str], entries: Iterable[Entry]) -> None:
        documents = [_document(entry) for entry in entries]
        if not ids or (not documents and self._searcher() is None):
            return
        with self._writing, self._translated(), self._writer() as writer:
            for chunk_id in ids:
                writer.delete_documents_by_term("id", chunk_id)
            for document in documents:
                writer.add_document(document)
            writer.commit()
            self._settle(writer)

    def _settle(self, writer: tantivy.IndexWriter) -> None:
        """Writes everything anew, in one commit, once too many removed chunks count in the statistics."""
        searcher = self._searcher()
        assert searcher is not None
        live = searcher.num_docs
        stale = searcher.doc_freq("facts", _ANY) - live  # a term's frequency counts the removed ones too
        if stale <= (0 if live <= SMALL else live * _STALE):
            return
        writer.delete_all_documents()
        if live:
            for _, address in searcher.search(Query.all_query(), limit=live, count=False).hits:
                writer.add_document(searcher.doc(address))
        writer.commit()

    @contextmanager
    def _writer(self) -> Generator[tantivy.IndexWriter]:
        """The one writer, which holds the index for as long as it is open."""
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
        index = self._opened() if self._index is None or self._folder else self._index
        writer = index.writer(HEAP, num_threads=1)
        try:
            yield writer
        finally:
            writer.wait_merging_threads()  # this also gives the lock back

    @contextmanager
    def _translated(self) -> Generator[None]:
        """Makes our errors of tantivy's, which are told apart by their words alone."""
        try:
            yield
        except UnicodeError:
            raise
        except BaseException as error:
            # Damaged postings make tantivy panic, and that is no Exception.
            if isinstance(error, ValueError | RuntimeError | OSError) or type(error).__name__ == "PanicException":
                raise _translation(str(error), str(self._folder or "the lexical index in memory")) from error
            raise


def _translation(words: str, where: str) -> StateError:
    if "LockBusy" in words:
        return IndexBusy(
            "another process is writing the lexical index", where=where, hint="Wait until it has ended, and try again."
        )
    if "os error 28" in words or "No space left" in words:
        return StorageFull(
            "the disk is full; the lexical index is as it was before",
            where=where,
            hint="Free some space, and try again.",
        )
    reason = (words.splitlines() or ["no reason given"])[0][:200]
    return StateError(
        f"the lexical index cannot be used: {reason}",
        where=where,
        hint="Delete this folder and run `ragstone ingest` again.",
    )


# ── Facts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _document(entry: Entry) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", entry.chunk.id)
    document.add_text("terms", " ".join(entry.terms))
    for fact in dict.fromkeys(_facts(entry.chunk)):
        document.add_text("facts", fact)
    return document


def _facts(chunk: Chunk) -> Iterator[str]:
    yield _ANY
    for field, value in {**chunk.metadata, "acl": chunk.acl}.items():
        if isinstance(value, str | int | float):
            yield _fact(field, "is", _literal(field, value))
            if not isinstance(value, bool | str):
                yield _fact(field, "number", _sortable(value))
        else:
            yield from (_fact(field, "has", _literal(field, element)) for element in value)
        yield _fact(field, "exists")


def _fact(field: str, relation: str, value: str = "") -> str:
    """A token of letters, digits and spaces; in hexadecimal no key looks like a part of another fact."""
    return f"{field.encode().hex()} {relation} {value}"


def _literal(field: str, value: Any) -> str:
    """A token for a value. Equal numbers get the same one (2 and 2.0), true and 1 do not."""
    if isinstance(value, bool):
        return f"b{value:d}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return f"n{value}"
    if isinstance(value, str):
        return "s" + hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    raise UsageError(f"the value of {field!r}", expected="text, a number, true or false", found=type(value).__name__)


def _sortable(value: float) -> str:
    """The bits of a 64-bit float as 16 hexadecimal digits that sort as the numbers do.

    >>> sorted([2.5, -1.0, 0.0, -7.25], key=_sortable)
    [-7.25, -1.0, 0.0, 2.5]
    """
    try:
        packed = struct.pack(">d", value + 0.0)
    except OverflowError:  # an integer beyond all floats
        packed = struct.pack(">d", math.inf if value > 0 else -math.inf)
    (bits,) = struct.unpack(">Q", packed)
    # Of a negative number every bit is flipped, of any other the sign alone.
    return f"{bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63):016x}"


# ── Filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _filter(where: Filter) -> Query:
    """The query that matches what the filter lets through. A chunk without the field passes negations alone."""
    if isinstance(where, Condition):
        return _condition(where)
    parts = [_filter(part) for part in where.parts]
    match where.op:
        case "and":
            return Query.boolean_query([(Occur.Must, part) for part in parts]) if parts else Query.all_query()
        case "or":
            return Query.boolean_query([(Occur.Should, part) for part in parts])
        case "not":
            return _except(*parts)
    raise UnsupportedFilter(f"tantivy knows no {where.op!r}", expected="and, or, not")


def _condition(condition: Condition) -> Query:
    field, value = condition.field, condition.value
    match condition.op:
        case "eq":
            return _any_of([_fact(field, "is", _literal(field, value))])
        case "ne":
            return _except(_any_of([_fact(field, "is", _literal(field, value))]))
        case "contains":
            return _any_of([_fact(field, "has", _literal(field, value))])
        case "in":
            return _member(field, value)
        case "nin":
            return _except(_member(field, value))
        case "exists":
            there = _any_of([_fact(field, "exists")])
            return there if value else _except(there)
        case "gt" | "gte" | "lt" | "lte":
            return _range(field, condition.op, value)
        case _:
            raise UnsupportedFilter(f"tantivy knows no {condition.op!r}", expected=", ".join(sorted(FILTERS)))


def _term(term: str, times: int) -> Query:
    query = Query.term_query(_SCHEMA, "terms", term, "freq")
    return query if times == 1 else Query.boost_query(query, times)


def _any_of(facts: Sequence[str]) -> Query:
    return Query.term_set_query(_SCHEMA, "facts", facts)


def _except(*parts: Query) -> Query:
    return Query.boolean_query([(Occur.Must, Query.all_query()), *((Occur.MustNot, part) for part in parts)])


def _member(field: str, value: Any) -> Query:
    """A value is one of these, or a list holds one of these."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(f"the filter on {field!r}", expected="a list", found=type(value).__name__)
    literals = [_literal(field, element) for element in cast("Iterable[Any]", value)]
    return _any_of([_fact(field, relation, literal) for relation in ("is", "has") for literal in literals])


def _range(field: str, op: str, value: Any) -> Query:
    """Numbers on one side of a value: their digits agree up to a place, where the larger number's is larger."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"the filter on {field!r}", expected="a number", found=type(value).__name__)
    digits, wanted = _sortable(value), "0123456789abcdef"
    patterns = [digits] if op.endswith("e") else []
    for place, digit in enumerate(digits):
        at = wanted.index(digit)
        beyond = wanted[at + 1 :] if op.startswith("g") else wanted[:at]
        if beyond:
            patterns.append(f"{digits[:place]}[{beyond}].*")
    if not patterns:
        return Query.empty_query()
    return Query.regex_query(_SCHEMA, "facts", _fact(field, "number", f"({'|'.join(patterns)})"))
