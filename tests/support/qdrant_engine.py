"""The engine of the Qdrant server, in this process, under the client's names that the connector uses.

The server itself is not to be had from a package registry, but its engine is, as a library that keeps one collection in
a folder: the same code finds, filters, counts and weighs there. What stays untested is the way over HTTP.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import qdrant_edge as edge

from ragstone.connectors.qdrant.places import Place
from ragstone.errors import RagstoneError

GRAPH = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10)  # KB: so few vectors get a graph, too


class EnginePlace(Place):
    """One collection in a folder, looked after as on a server: with indexes of the payload."""

    label = "the engine"
    shared = True

    def __init__(self, folder: Path) -> None:
        self._client = EngineClient(folder)

    @contextmanager
    def client(self) -> Generator[EngineClient]:
        yield self._client

    def close(self) -> None:
        self._client.close()

    def translated(self, error: Exception) -> RagstoneError | None:
        return None


class EngineClient:
    """What of `QdrantClient` the connector calls. The engine is safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._sizes, self._shard = folder / "shard", folder / "sizes.json", None
        self._lock = threading.Lock()  # around what a server does one after the other by itself

    @property
    def shard(self) -> Any:
        with self._lock:
            if self._shard is None:
                self._shard = edge.EdgeShard.load(str(self._folder))
            return self._shard

    def close(self) -> None:
        shard, self._shard = self._shard, None
        if shard:
            shard.close()

    def collection_exists(self, name: str) -> bool:
        with self._lock:
            return self._folder.exists()

    def create_collection(
        self, name: str, *, vectors_config: Mapping[str, Any], sparse_vectors_config: Mapping[str, Any] | None = None
    ) -> None:
        cosine, idf = edge.Distance.Cosine, edge.Modifier.Idf
        dense = {key: edge.EdgeVectorParams(params.size, cosine) for key, params in vectors_config.items()}
        sparse = {key: edge.EdgeSparseVectorParams(modifier=idf) for key in sparse_vectors_config or {}}
        config = edge.EdgeConfig(vectors=dense or None, sparse_vectors=sparse or None, hnsw_config=GRAPH)
        with self._lock:
            self._folder.mkdir(parents=True)  # raises where another thread was faster, as a server would
            self._sizes.write_text(json.dumps({key: params.size for key, params in vectors_config.items()}))
            self._shard = edge.EdgeShard.create(str(self._folder), config)

    def delete_collection(self, name: str) -> None:
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def get_collection(self, name: str) -> Any:
        self._demand(name)
        vectors = {key: SimpleNamespace(size=size) for key, size in json.loads(self._sizes.read_text()).items()}
        config = SimpleNamespace(params=SimpleNamespace(vectors=vectors))
        return SimpleNamespace(config=config, payload_schema=self.shard.info().payload_schema)

    def create_payload_index(self, name: str, key: str, *, field_schema: Any) -> None:
        assert field_schema == "keyword"
        self.shard.update(edge.UpdateOperation.create_field_index(key, edge.PayloadSchemaType.Keyword))

    def upsert(self, name: str, points: Sequence[Any], *, wait: bool) -> None:
        self._demand(name)
        made = [edge.Point(point.id, _vectors(point.vector), point.payload) for point in points]
        self.shard.update(edge.UpdateOperation.upsert_points(made))

    def delete(self, name: str, points: Sequence[str], *, wait: bool) -> None:
        self._demand(name)
        self.shard.update(edge.UpdateOperation.delete_points(list(points)))

    def query_points(
        self, name: str, *, query: Any, using: str, query_filter: Any, limit: int, search_params: Any, **also: Any
    ) -> Any:
        self._demand(name)
        wanted = _filter(query_filter.model_dump(exclude_none=True)) if query_filter else None
        nearest = edge.Query.Nearest(_vector(query), using=using)
        params = _params(search_params.model_dump(exclude_none=True)) if search_params else None
        request = edge.SearchRequest(nearest, limit, filter=wanted, params=params, with_payload=True)
        return SimpleNamespace(points=self.shard.search(request))

    def count(self, name: str, *, exact: bool) -> Any:
        self._demand(name)
        return SimpleNamespace(count=self.shard.count(edge.CountRequest(exact=exact)))

    def scroll(self, name: str, *, limit: int, offset: Any, **also: Any) -> Any:
        self._demand(name)
        return self.shard.scroll(edge.ScrollRequest(limit=limit, offset=offset, with_payload=True))

    def retrieve(self, name: str, ids: Sequence[str], *, with_payload: bool, with_vectors: list[str]) -> Any:
        self._demand(name)
        return self.shard.retrieve(list(ids), with_payload, with_vectors)

    def _demand(self, name: str) -> None:
        if not self.collection_exists(name):
            raise ValueError(f"Collection {name} not found")


def _params(params: Mapping[str, Any]) -> Any:
    idf = edge.IdfParams(corpus=_filter(params["idf"]["corpus"])) if "idf" in params else None
    return edge.SearchParams(hnsw_ef=params.get("hnsw_ef"), idf=idf)


def _vectors(vectors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _vector(vector) for name, vector in vectors.items()}


def _vector(vector: Any) -> Any:
    return vector if isinstance(vector, list) else edge.SparseVector(list(vector.indices), list(vector.values))


def _filter(where: Mapping[str, Any]) -> Any:
    return edge.Filter(**{clause: [_condition(part) for part in parts] for clause, parts in where.items()})


def _condition(part: Mapping[str, Any]) -> Any:
    if "key" not in part:
        return _filter(part)
    if "range" in part:
        return edge.FieldCondition(part["key"], range=edge.RangeFloat(**part["range"]))
    (how, value), *none = part["match"].items()
    assert not none
    return edge.FieldCondition(part["key"], match=edge.MatchAny(value) if how == "any" else edge.MatchValue(value))
