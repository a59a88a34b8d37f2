"""Provisional."""
from __future__ import annotations
import asyncio
from pathlib import Path
from typing import Any
from ragstone.protocols import FILTERS, Capabilities, VectorStore
from ragstone.types import Scored, Condition

class ChromaStore(VectorStore):
    capabilities = Capabilities(filters=FILTERS)
    def __init__(self, *, path: Path | None = None, url: str = "", collection: str = "ragstone") -> None:
        self.path, self.url, self.name_ = path, url, collection
        self._c = None
    def _col(self):
        if self._c is None:
            import chromadb, chromadb.config
            s = chromadb.config.Settings(anonymized_telemetry=False)
            cl = chromadb.PersistentClient(str(self.path), settings=s) if self.path else chromadb.EphemeralClient(settings=s)
            self._c = cl.get_or_create_collection(self.name_, embedding_function=None, metadata={"hnsw:space": "cosine"})
        return self._c
    async def load(self): await asyncio.to_thread(self._col)
    async def upsert(self, records, *, context):
        def go():
            if records:
                self._col().upsert(ids=[r.chunk.id for r in records], embeddings=[r.vector for r in records], metadatas=[{"acl": list(r.chunk.acl) or ["-"], "lang": r.chunk.metadata.get("lang", "und")} for r in records])
        await asyncio.to_thread(go)
    async def delete(self, ids, *, context):
        await asyncio.to_thread(lambda: ids and self._col().delete(ids=list(ids)))
    async def search(self, vector, *, k, where=None, context):
        def go():
            w = None
            def tr(c):
                if isinstance(c, Condition):
                    if c.field == "acl":
                        p=[{"acl": {"$contains": v}} for v in c.value]
                        return p[0] if len(p)==1 else {"$or": p}
                    return {c.field: {"$" + c.op: c.value}}
                return {"$"+c.op: [tr(x) for x in c.parts]}
            n = min(k, self._col().count())
            if not n: return []
            r = self._col().query(query_embeddings=[vector], n_results=n, where=tr(where) if where else None, include=["distances"])
            return [Scored(i, 1 - d) for i, d in zip(r["ids"][0], r["distances"][0])]
        return await asyncio.to_thread(go)
    async def count(self, *, context):
        return await asyncio.to_thread(lambda: self._col().count())
    async def close(self): self._c = None
