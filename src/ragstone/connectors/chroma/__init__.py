"""Chroma: a vector store in the project's own folder, on a server, or in memory.

store.py         ChromaStore: the protocol
where.py         our filters in Chroma's language, and what of a chunk they look at
places.py        the three places that a collection can live in
changes.py       what is written, and the journal in which it waits
generations.py   folders that a kill or a full disk in the middle of a write cannot harm
whole.py         all vectors of a small collection, in memory
session.py       one open client for many threads
faults.py        Chroma's errors made ours
"""

from ragstone.connectors.chroma.store import ChromaStore

__all__ = ["ChromaStore"]
