"""One of our vector stores as LangChain's, with the texts beside it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore as LangChainVectorStore

from ragstone.errors import UsageError
from ragstone.interop.asking import awaited
from ragstone.interop.langchain.shelf import Shelf
from ragstone.protocols import VectorStore
from ragstone.registry import find
from ragstone.retrieval import where
from ragstone.sync.loop import waited
from ragstone.types import Chunk, Context, Metadata, Record

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["RagstoneVectorStore"]


class RagstoneVectorStore(LangChainVectorStore):
    """Chroma as Ragstone runs it (safe against a kill, readers beside a writer), or any of our stores that is given.

    >>> store = RagstoneVectorStore(RagstoneEmbeddings("openvino"), path=".ragstone/langchain")
    >>> store.add_texts(["Cod swims."], [{"kind": "fish"}], ids=["1"])
    >>> store.similarity_search("What swims?", k=1, filter={"kind": {"$in": ["fish", "eel"]}})
    [Document(id='1', metadata={'kind': 'fish'}, page_content='Cod swims.')]

    Texts and metadata lie in a SQLite file under `path`; without it everything is in memory. `filter` is Ragstone's
    filter language, and runs inside the store. Scores are cosines. One process writes at a time.
    """

    def __init__(
        self, embedding: Embeddings, *, path: str | Path | None = None, store: VectorStore | None = None
    ) -> None:
        folder = Path(path) if path else None
        if store is None:
            made = cast("Callable[..., VectorStore]", find("store", "chroma"))
            store = made(folder / "vectors") if folder else made()
        self.store = store
        self._embedding = embedding
        self._shelf = Shelf(folder / "documents.db" if folder else None)

    @property
    def embeddings(self) -> Embeddings:
        """What embeds texts and questions."""
        return self._embedding

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> RagstoneVectorStore:
        """A store with these texts in it; the other arguments are the constructor's."""
        made = cls(embedding, **kwargs)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def close(self) -> None:
        """Gives back what the store holds."""
        waited(self.store.close())
        self._shelf.close()

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Writes or replaces texts, by id; one without an id gets a new one."""
        return self.add_documents(_made(texts, metadatas), ids=ids)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Writes or replaces texts, by id; one without an id gets a new one."""
        return await self.aadd_documents(_made(texts, metadatas), ids=ids)

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Writes or replaces, by id; `ids` outweigh the documents' own, and one without gets a new id."""
        ids = _ids(documents, kwargs.get("ids"))
        vectors = self._embedding.embed_documents([document.page_content for document in documents])
        waited(self._add(ids, documents, vectors))
        return ids

    async def aadd_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Writes or replaces, by id; `ids` outweigh the documents' own, and one without gets a new id."""
        ids = _ids(documents, kwargs.get("ids"))
        vectors = await self._embedding.aembed_documents([document.page_content for document in documents])
        await awaited(self._add(ids, documents, vectors))
        return ids

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Removes; an unknown id is no error. Without ids everything goes."""
        waited(self._delete(ids))
        return True

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Removes; an unknown id is no error. Without ids everything goes."""
        await awaited(self._delete(ids))
        return True

    async def _add(self, ids: Sequence[str], documents: Sequence[Document], vectors: Sequence[Sequence[float]]) -> None:
        records = [
            Record(_chunk(name, document.metadata), _unit(vector))
            for name, document, vector in zip(ids, documents, vectors, strict=True)
        ]
        texts = {name: (one.page_content, one.metadata) for name, one in zip(ids, documents, strict=True)}
        await asyncio.to_thread(self._shelf.put, texts)
        await self.store.upsert(records, context=Context())

    async def _delete(self, ids: Sequence[str] | None) -> None:
        gone = list(await self.store.ids(context=Context()) if ids is None else ids)
        await self.store.delete(gone, context=Context())
        await asyncio.to_thread(self._shelf.remove, gone)

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Those of the ids that are there, in their order."""
        return _documents(self._shelf.get(ids), ids)

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Those of the ids that are there, in their order."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The k nearest that pass `filter`, best first."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The k nearest that pass `filter`, best first."""
        return [document for document, _ in await self.asimilarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(  # pyright: ignore[reportIncompatibleMethodOverride] - theirs has no names
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The k nearest that pass `filter`, each with its cosine."""
        return waited(self._search(self._embedding.embed_query(query), k, kwargs))

    async def asimilarity_search_with_score(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The k nearest that pass `filter`, each with its cosine."""
        return await awaited(self._search(await self._embedding.aembed_query(query), k, kwargs))

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """The k nearest to a vector that pass `filter`, best first."""
        return [document for document, _ in waited(self._search(embedding, k, kwargs))]

    async def asimilarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[Document]:
        """The k nearest to a vector that pass `filter`, best first."""
        return [document for document, _ in await awaited(self._search(embedding, k, kwargs))]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Of the `fetch_k` nearest that pass `filter`, k that are near and differ from one another."""
        return self.max_marginal_relevance_search_by_vector(
            self._embedding.embed_query(query), k, fetch_k, lambda_mult, **kwargs
        )

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """Of the `fetch_k` nearest that pass `filter`, k that are near and differ from one another."""
        return await self.amax_marginal_relevance_search_by_vector(
            await self._embedding.aembed_query(query), k, fetch_k, lambda_mult, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """The same, of a vector."""
        return waited(self._differing(embedding, k, fetch_k, lambda_mult, kwargs))

    async def amax_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """The same, of a vector."""
        return await awaited(self._differing(embedding, k, fetch_k, lambda_mult, kwargs))

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return lambda cosine: max(0.0, cosine)

    async def _search(self, embedding: Sequence[float], k: int, how: Mapping[str, Any]) -> list[tuple[Document, float]]:
        filters = _filter(how)
        found = await self.store.search(_unit(embedding), k=k, where=filters, context=Context())
        kept = await asyncio.to_thread(self._shelf.get, [one.id for one in found])
        return [(_document(one.id, kept[one.id]), one.score) for one in found if one.id in kept]

    async def _differing(
        self, embedding: list[float], k: int, fetch_k: int, lambda_mult: float, how: Mapping[str, Any]
    ) -> list[Document]:
        import numpy as np
        from langchain_core.vectorstores.utils import maximal_marginal_relevance

        found = [document for document, _ in await self._search(embedding, fetch_k, how)]
        vectors = await self.store.vectors([str(one.id) for one in found], context=Context())
        there = [one for one in found if one.id in vectors]
        if not there:
            return []
        stored = [vectors[str(one.id)].tolist() for one in there]
        best = maximal_marginal_relevance(np.asarray(_unit(embedding)), stored, lambda_mult=lambda_mult, k=k)
        return [there[at] for at in best]


def _filter(how: Mapping[str, Any]) -> Any:
    unknown = set(how) - {"filter", "score_threshold"}
    if unknown:
        raise UsageError("unknown arguments of a search", expected="filter", found=", ".join(sorted(unknown)))
    given = how.get("filter")
    if given is not None and not isinstance(given, Mapping):
        raise UsageError("the filter", expected='a mapping such as {"lang": "en"}', found=type(given).__name__)
    return where.parse(cast("Mapping[str, Any]", given)) if given else None


def _made(texts: Iterable[str], metadatas: Sequence[dict[str, Any]] | None) -> list[Document]:
    said = list(texts)
    told = metadatas or [{} for _ in said]
    if len(told) != len(said):
        raise UsageError("each text has its metadata", expected=str(len(said)), found=str(len(told)))
    return [Document(page_content=text, metadata=dict(one)) for text, one in zip(said, told, strict=True)]


def _ids(documents: Sequence[Document], given: Sequence[str | None] | None) -> list[str]:
    if given is not None and len(given) != len(documents):
        raise UsageError("each document has one id", expected=f"{len(documents)} ids", found=str(len(given)))
    names = given or [document.id for document in documents]
    return [name or str(uuid.uuid4()) for name in names]


def _chunk(name: str, metadata: Mapping[str, Any]) -> Chunk:
    """What the store keeps of a document: its id, and of its metadata what a filter can look at."""
    told: Metadata = {key: value for key, value in metadata.items() if _is_plain(value)}
    return Chunk(id=name, document_id=name, uri="", title="", text="", start=0, end=0, line=None, metadata=told)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(one, str | int | float) for one in cast("Sequence[Any]", value))
    return isinstance(value, str | int | float)


def _unit(vector: Sequence[float]) -> Vector:
    """The vector with length 1, as our stores take it."""
    import numpy as np

    made = np.asarray(vector, np.float32)
    length = float(np.linalg.norm(made))
    if not np.isfinite(length) or length == 0:
        raise UsageError("a vector has no direction", expected="finite numbers, not all 0", found=f"length {length}")
    return made / np.float32(length)


def _documents(kept: Mapping[str, tuple[str, dict[str, Any]]], ids: Sequence[str]) -> list[Document]:
    return [_document(name, kept[name]) for name in dict.fromkeys(ids) if name in kept]


def _document(name: str, kept: tuple[str, dict[str, Any]]) -> Document:
    text, metadata = kept
    return Document(id=name, page_content=text, metadata=metadata)
