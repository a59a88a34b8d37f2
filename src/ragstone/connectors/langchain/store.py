"""The vector store that the rest of Ragstone sees."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from ragstone.connectors.langchain import vendor
from ragstone.connectors.langchain.ledger import Ledger, Row
from ragstone.connectors.langchain.vendor import Found, Store
from ragstone.connectors.langchain.where import Fields, compiled, fields
from ragstone.errors import ConfigError, IndexMismatch, MissingExtra, UnsupportedFilter
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from ragstone.connectors.langchain.embeddings import Handed
    from ragstone.types import Vector

__all__ = ["LangChainStore"]

BATCH = 500  # records in one write
COLLECTION = "{collection}"
FIELDS = "ragstone"  # the one key of our metadata


class LangChainStore(VectorStore):
    """Any vector store of LangChain, by its dotted path.

        kind: store
        type: langchain
        vectorstore: langchain_chroma.Chroma
        arguments: {collection_name: "{collection}", persist_directory: .ragstone/theirs}
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
        filters: Literal["none", "callable"] = "none",
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
        self.capabilities = Capabilities(filters=FILTERS if filters == "callable" else frozenset(), local=memory)

    async def load(self) -> None:
        """Imports the store's package and opens it, or fills it where it lives in memory."""
        await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Lets the store go. The next call opens it again."""
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

        Raises UnsupportedFilter where the store runs none, or has looked at a part of its records only.
        """
        passes = self._passes(where) if where else None
        if k < 1:
            return []
        return await asyncio.to_thread(self._search, vector, k, passes)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids that were noted, and that the store still has where it can be asked."""
        return await asyncio.to_thread(self._ids)

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps, as float32."""
        return await asyncio.to_thread(self._ledger.vectors, list(ids))

    async def drop(self, *, context: Context) -> None:
        """Removes every record that was noted, and the notes."""
        await asyncio.to_thread(self._drop)

    def _passes(self, where: Filter) -> Callable[[Fields], bool]:
        passes = compiled(where)
        if not self.capabilities.filters:
            raise UnsupportedFilter(
                f"{self._vectorstore} is declared to run no filters",
                where=self.name or "langchain",
                hint="If it calls a function for each record, set filters: callable. Permissions need a filter, too.",
            )
        return passes

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _load(self) -> None:
        with self._alone, self._translated():
            vendor.find(self._vectorstore)
            self._current()

    def _close(self) -> None:
        with self._alone:
            self._let_go()
            self._ledger.close()

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
        self._apply(rows, (), known)

    def _delete(self, ids: Sequence[str]) -> None:
        with self._alone, self._translated():
            self._current()
            known = self._ledger.known(ids)
            self._apply((), known)
            self._ledger.remove(known)

    def _search(self, vector: Vector, k: int, passes: Callable[[Fields], bool] | None) -> list[Scored]:
        with self._alone if self._memory else nullcontext(), self._translated():
            store, count = self._current(), self._ledger.count()
            if store is None or not count:
                return []
            self._demand_length(vector)
            looked = _Looked(passes) if passes else None
            how: dict[str, Any] = {"filter": looked} if looked else {}
            if looked and vendor.fetches(store):
                how["fetch_k"] = count
            most = min(k, count) if self._memory else k  # others may write into the same collection
            found = vendor.patiently(partial(self._nearest, store, vector, most, how))
            if looked and len(found) < min(k, count) and looked.records < self._ledger.count():
                raise UnsupportedFilter(
                    f"{self._vectorstore} filters only a part of its records: it is not `filters: callable`",
                    expected=f"{count} records",
                    found=str(looked.records),
                )
            vectors = self._ledger.vectors(found)
        scored = [Scored(name, max(-1.0, min(1.0, float(vectors[name] @ vector)))) for name in found if name in vectors]
        return sorted(scored, key=lambda one: (-one.score, one.id))

    def _nearest(self, store: Store, vector: Vector, k: int, how: Mapping[str, Any]) -> list[str]:
        question = f"question {secrets.token_hex(8)}"
        with self._embedder().ready({question: vector}):
            found = store.similarity_search(question, k, **how)
        return list(dict.fromkeys(one.page_content for one in found))

    def _ids(self) -> list[str]:
        with self._alone, self._translated():
            noted = self._ledger.ids()
            if self._memory or not noted:
                return noted
            self._current()
            return self._there(noted, noted)

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

    def _apply(self, rows: Sequence[Row], gone: Sequence[str], known: Sequence[str] = ()) -> None:
        """Writes rows, of which some were `known` before, and removes what is gone.

        A store in memory that fails at it is filled anew with the next call.
        """
        try:
            for at in range(0, len(gone), BATCH):
                part = gone[at : at + BATCH]
                vendor.patiently(partial(self._take_out, part, known=part))
            for at in range(0, len(rows), BATCH):
                vendor.patiently(partial(self._put_in, rows[at : at + BATCH], known))
        except BaseException:
            if self._memory:
                self._let_go()
            raise

    def _take_out(self, ids: Sequence[str], known: Sequence[str]) -> None:
        there = self._there(ids, known)
        if self._memory and len(there) == len(self._held):
            self._empty()  # the next vectors may be of another length
        elif there and self._store:
            self._store.delete(there)
            self._held.difference_update(there)

    def _put_in(self, rows: Sequence[Row], known: Sequence[str]) -> None:
        ids = [row.id for row in rows]
        self._take_out(ids, known)
        told = self.capabilities.filters
        metadatas = [{FIELDS: dict(row.fields) if told else row.id} for row in rows]
        with self._embedder().ready({row.id: row.vector for row in rows}):
            if self._store:
                self._store.add_texts(ids, metadatas, ids=ids)
            else:
                make = vendor.find(self._vectorstore).from_texts
                self._store = make(ids, self._embedder(), metadatas, ids=ids, **self._arguments)
        if self._memory:
            self._held.update(ids)

    def _there(self, ids: Sequence[str], known: Sequence[str]) -> list[str]:
        """Those of the ids that the store has: as it says itself, where it can be asked, else those known before."""
        if self._memory:
            return [name for name in ids if name in self._held]
        store = self._store
        if store is None or not vendor.gives_by_id(store):
            return list(known)
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


class _Looked:
    """A filter as LangChain's stores call it, with a record's metadata or its document; it counts them."""

    def __init__(self, passes: Callable[[Fields], bool]) -> None:
        self._passes, self.records = passes, 0

    def __call__(self, found: Found | Mapping[str, Any]) -> bool:
        self.records += 1
        metadata = found if isinstance(found, Mapping) else found.metadata
        return self._passes(metadata[FIELDS])


def _filled(value: Any, collection: str) -> Any:
    """The arguments with the collection's name in place of `{collection}`."""
    if isinstance(value, str):
        return value.replace(COLLECTION, collection)
    if isinstance(value, dict):
        return {key: _filled(one, collection) for key, one in cast("dict[str, Any]", value).items()}
    return [_filled(one, collection) for one in cast("list[Any]", value)] if isinstance(value, list) else value
