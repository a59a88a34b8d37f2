"""The vector store that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from ragstone.connectors.langchain import vendor
from ragstone.connectors.langchain.ledger import Ledger, Row
from ragstone.connectors.langchain.vendor import Found, Store
from ragstone.connectors.langchain.where import MAPPED, Fields, compiled, fields, mapping, marks
from ragstone.errors import ConfigError, IndexMismatch, MissingExtra, UnsupportedFilter
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from ragstone.connectors.langchain.embeddings import Handed
    from ragstone.types import Vector

__all__ = ["LangChainStore"]

BATCH = 500  # records in one write
COLLECTION = "{collection}"
FIELDS = "ragstone"  # the key of our metadata that every record has

_RUN = {"none": frozenset[str](), "callable": FILTERS, "mapping": MAPPED}


class LangChainStore(VectorStore):
    """Any vector store of LangChain, by its dotted path.

        kind: store
        type: langchain
        vectorstore: langchain_chroma.Chroma
        arguments: {collection_name: "{collection}", persist_directory: .ragstone/theirs}
        filters: mapping                # it takes a mapping with $eq, $and and $or
        path: .ragstone/langchain

        kind: store
        type: langchain
        vectorstore: langchain_community.vectorstores.FAISS
        memory: true                    # it is filled from `path` whenever it is opened
        filters: callable               # it calls a function for each record before it takes the best
        path: .ragstone/langchain

    `path` is where ids and vectors are noted, since LangChain's interface gives back neither; without it that is in
    memory, too. A store that is not `memory` puts `{collection}`, the name of a tenant's index, into its arguments.
    Scores are cosines of the noted vectors, whatever scores the store has. It gets ids in place of texts.
    """

    runs_code: ClassVar[bool] = True

    def __init__(
        self,
        path: Path | None = None,
        *,
        vectorstore: str,
        arguments: dict[str, Any] = {},  # noqa: B006 - only read, and shown as this key's default
        filters: Literal["none", "callable", "mapping"] = "none",
        memory: bool = False,
        collection: str = "ragstone",
    ) -> None:
        if not vendor.is_dotted(vectorstore):
            raise ConfigError("is no dotted path", expected="package.module.Class", found=repr(vectorstore))
        if not memory and COLLECTION not in repr(arguments):
            raise ConfigError(
                "two indexes would share one collection of this store",
                expected=f"{COLLECTION} in one of its `arguments`",
                hint="Or set memory: true, if it lives in the memory of a process.",
            )
        self._vectorstore, self._memory, self._collection = vectorstore, memory, collection
        self._arguments = cast("dict[str, Any]", _filled(arguments, collection))
        self._ledger = Ledger(path / f"{collection}.db" if path else None)
        self._alone = threading.RLock()
        self._handed: Handed | None = None
        self._store: Store | None = None
        self._held: set[str] = set()  # what a store in memory was given
        self._seen: tuple[int, int] | None = None
        self._revision = 0
        self._filters = filters
        self.capabilities = Capabilities(filters=_RUN[filters], local=memory)

    async def load(self) -> None:
        """Imports the store's package and opens it, or fills it where it lives in memory."""
        await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Closes the store where it can be, and lets it go. The next call opens it again."""
        await asyncio.to_thread(self._close)

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Writes or replaces, by chunk id: an old record is removed first, since not every store replaces."""
        latest = list({record.chunk.id: record for record in records}.values())
        await asyncio.to_thread(self._upsert, latest)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes; an unknown id is no error."""
        await asyncio.to_thread(self._delete, list(dict.fromkeys(ids)))

    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity in [-1, 1], best first; equal scores by id.

        Raises UnsupportedFilter where the store lacks the filter, or does not keep to it.
        """
        filters = self._asked(where) if where else None
        if k < 1:
            return []
        return await asyncio.to_thread(self._search, vector, k, filters)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids that were noted, and that the store still has where it can be asked."""
        return await asyncio.to_thread(self._ids)

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps, as float32."""
        return {row.id: row.vector for row in await asyncio.to_thread(self._ledger.rows, list(ids))}

    async def drop(self, *, context: Context) -> None:
        """Removes every record that was noted, and the notes."""
        await asyncio.to_thread(self._drop)

    def _asked(self, where: Filter) -> _Asked:
        passes = compiled(where)
        if self._filters == "none":
            raise UnsupportedFilter(
                f"{self._vectorstore} is declared to run no filters",
                where=self.name or "langchain",
                hint="If it takes a function or a mapping, say so under `filters`. Permissions need a filter, too.",
            )
        return _Asked(passes, mapping(where) if self._filters == "mapping" else None)

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> None:
        with self._alone, self._translated():
            vendor.find(self._vectorstore)
            self._current()

    def _close(self) -> None:
        with self._alone, self._translated():
            end = getattr(self._store, "close", None)  # LangChain's interface has none, but some stores do
            self._let_go()
            self._ledger.close()
            if callable(end):
                end()

    def _upsert(self, records: Sequence[Record]) -> None:
        rows = [Row(record.chunk.id, record.vector, fields(record.chunk)) for record in records]
        with self._alone, self._translated():
            for at in range(0, len(rows), BATCH):
                self._demand_length(rows[at].vector, *(row.vector for row in rows[at : at + BATCH]))
                self._write(rows[at : at + BATCH])

    def _write(self, rows: Sequence[Row]) -> None:
        """Notes before it writes: what a kill leaves in the store is then replaced by the next try, and not doubled."""
        self._current()
        known = self._ledger.known(row.id for row in rows)
        revision = self._ledger.put(rows)
        if revision == self._revision + 1:  # else another process has written meanwhile, and is followed later
            self._revision = revision
        self._apply(rows, (), set(known))

    def _delete(self, ids: Sequence[str]) -> None:
        with self._alone, self._translated():
            self._current()
            known = self._ledger.known(ids)
            self._apply((), known)
            self._ledger.remove(known)

    def _search(self, vector: Vector, k: int, filters: _Asked | None) -> list[Scored]:
        with self._alone if self._memory else nullcontext(), self._translated():
            store, count = self._current(), self._ledger.count()
            if store is None or not count:
                return []
            self._demand_length(vector)
            most = min(k, count) if self._memory else k  # others may write into the same collection
            found = self._ledger.rows(self._nearest(store, vector, most, filters, count))
            if filters:
                for seconds in vendor.WAITS:  # a record may have been noted anew, and not written yet
                    if filters.kept_to(found):
                        break
                    time.sleep(seconds)
                    found = self._ledger.rows(self._nearest(store, vector, most, filters, count))
                self._demand_obedience(filters, found, min(most, count))
        scored = [Scored(row.id, max(-1.0, min(1.0, float(row.vector @ vector)))) for row in found]
        return sorted(scored, key=lambda one: (-one.score, one.id))

    def _nearest(self, store: Store, vector: Vector, k: int, filters: _Asked | None, count: int) -> list[str]:
        how: dict[str, Any] = {"filter": filters.as_theirs()} if filters else {}
        if filters and vendor.fetches(store):
            how["fetch_k"] = count
        question = f"question {secrets.token_hex(8)}"
        with self._embedder().ready({question: vector}):
            found = vendor.patiently(partial(store.similarity_search, question, k, **how))
        return list(dict.fromkeys(one.page_content for one in found))

    def _demand_obedience(self, filters: _Asked, found: Sequence[Row], most: int) -> None:
        """Refuses what a store has found that does not do as was declared: many swallow arguments that they lack."""
        if not filters.kept_to(found):
            raise UnsupportedFilter(
                f"{self._vectorstore} does not keep to a filter that it is declared to run",
                where=self.name or "langchain",
                expected=f"filters: {self._filters}",
                hint="Set filters: none.",
            )
        if self._filters == "callable" and len(found) < most and filters.looked < (count := self._ledger.count()):
            raise UnsupportedFilter(
                f"{self._vectorstore} filters only a part of its records",
                where=self.name or "langchain",
                expected=f"{count} records",
                found=str(filters.looked),
                hint="Set filters: none.",
            )

    def _ids(self) -> list[str]:
        with self._alone, self._translated():
            noted = self._ledger.ids()
            if self._memory or not noted:
                return noted
            self._current()
            return self._there(noted, set(noted))

    def _drop(self) -> None:
        with self._alone, self._translated():
            known = self._ledger.ids()
            if self._memory:
                self._let_go()
            else:
                self._current()
                self._apply((), known)
            self._ledger.remove(known)

    # ── The store ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _current(self) -> Store | None:
        """The store as it should be now; None where it lives in memory and nothing was written."""
        if self._store and not self._memory:
            return self._store
        with self._alone:
            if not self._memory:
                self._store = self._store or vendor.patiently(self._opened)
            elif (version := self._ledger.version()) != self._seen:
                rows, last = self._ledger.since(self._revision)
                self._apply(rows, list(self._held.difference(self._ledger.ids())))
                self._seen, self._revision = version, last
            return self._store

    def _opened(self) -> Store:
        return vendor.create(vendor.find(self._vectorstore), self._embedder(), self._arguments)

    def _apply(self, rows: Sequence[Row], gone: Sequence[str], known: set[str] | None = None) -> None:
        """Writes rows, of which some were `known` before, and removes what is gone.

        A store in memory that fails at it is filled anew with the next call.
        """
        try:
            for at in range(0, len(gone), BATCH):
                part = gone[at : at + BATCH]
                vendor.patiently(partial(self._take_out, part, known=set(part)))
            for at in range(0, len(rows), BATCH):
                vendor.patiently(partial(self._put_in, rows[at : at + BATCH], known or set()))
        except BaseException:
            if self._memory:
                self._let_go()
            raise

    def _take_out(self, ids: Sequence[str], known: set[str]) -> None:
        there = self._there(ids, known)
        if self._memory and len(there) == len(self._held):
            self._empty()  # the next vectors may be of another length
        elif there and self._store:
            self._store.delete(there)
            self._held.difference_update(there)

    def _put_in(self, rows: Sequence[Row], known: set[str]) -> None:
        ids = [row.id for row in rows]
        self._take_out(ids, known)
        known.update(ids)  # a try that fails may have written some of them, and the next one replaces these
        metadatas = [self._told(row) for row in rows]
        with self._embedder().ready({row.id: row.vector for row in rows}):
            if self._store:
                self._store.add_texts(ids, metadatas, ids=ids)
            else:
                make = vendor.find(self._vectorstore).from_texts
                self._store = make(ids, self._embedder(), metadatas, ids=ids, **self._arguments)
        if self._memory:
            self._held.update(ids)

    def _told(self, row: Row) -> dict[str, Any]:
        """The metadata that the store gets, no more than its filters look at."""
        if self._filters == "callable":
            return {FIELDS: dict(row.fields)}
        return {FIELDS: row.id, **marks(row.fields)} if self._filters == "mapping" else {FIELDS: row.id}

    def _there(self, ids: Sequence[str], known: set[str]) -> list[str]:
        """Those of the ids that the store has: as it says itself, where it can be asked, else those known before."""
        if self._memory:
            return [name for name in ids if name in self._held]
        store = self._store
        if store is None or not vendor.gives_by_id(store):
            return [name for name in ids if name in known]
        parts = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
        found = [one for part in parts for one in vendor.patiently(partial(store.get_by_ids, part))]
        return [one.page_content for one in found]

    def _empty(self) -> None:
        self._store = None
        self._held.clear()

    def _let_go(self) -> None:
        self._empty()
        self._seen, self._revision = None, 0

    def _embedder(self) -> Handed:
        if self._handed is None:
            try:
                from ragstone.connectors.langchain.embeddings import Handed
            except ModuleNotFoundError as error:
                raise MissingExtra(
                    f"the store 'langchain' needs the package {error.name!r}",
                    hint="Run: pip install 'ragstone[langchain]'",
                ) from error
            self._handed = Handed()
        return self._handed

    def _demand_length(self, *vectors: Vector) -> None:
        length = self._ledger.length() or len(vectors[0])
        for vector in vectors:
            if len(vector) != length:
                raise IndexMismatch(
                    "the vectors in the index were made by another embedder",
                    where=self._collection,
                    expected=f"{length} dimensions",
                    found=str(len(vector)),
                    hint="Run: ragstone ingest",
                )

    def _translated(self) -> AbstractContextManager[None]:
        return vendor.translated(f"{self.name or 'langchain'} ({self._vectorstore})")


class _Asked:
    """A filter of one search: as the store takes it, and as what it finds is checked by."""

    def __init__(self, passes: Callable[[Fields], bool], mapped: Mapping[str, Any] | None) -> None:
        self._passes, self._mapped, self.looked = passes, mapped, 0

    def as_theirs(self) -> Any:
        """A mapping, or a function that is called with a record's metadata or with its document, and counts."""
        self.looked = 0
        return self._look if self._mapped is None else self._mapped

    def kept_to(self, found: Sequence[Row]) -> bool:
        """Whether everything that was found passes."""
        return all(self._passes(row.fields) for row in found)

    def _look(self, found: Found | Mapping[str, Any]) -> bool:
        self.looked += 1
        metadata = found if isinstance(found, Mapping) else found.metadata
        return self._passes(metadata[FIELDS])


def _filled(value: Any, collection: str) -> Any:
    """The arguments with the collection's name in place of `{collection}`."""
    if isinstance(value, str):
        return value.replace(COLLECTION, collection)
    if isinstance(value, dict):
        return {key: _filled(one, collection) for key, one in cast("dict[str, Any]", value).items()}
    return [_filled(one, collection) for one in cast("list[Any]", value)] if isinstance(value, list) else value
