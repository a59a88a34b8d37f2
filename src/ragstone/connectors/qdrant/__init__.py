"""Qdrant: a vector store and a lexical index on a server, in a folder of this process's own, or in memory.

store.py        QdrantStore: dense vectors, nearest by cosine
index.py        QdrantIndex: sparse vectors whose dot product is BM25
weights.py      BM25 as a dot product
where.py        our filters in Qdrant's language, and what of a chunk they look at
collection.py   one collection: made when it is first written, and what is done with it
places.py       where it can live
pickles.py      what a folder may hold to be opened
faults.py       Qdrant's errors made ours
"""

from ragstone.connectors.qdrant.index import QdrantIndex
from ragstone.connectors.qdrant.store import QdrantStore

__all__ = ["QdrantIndex", "QdrantStore"]
