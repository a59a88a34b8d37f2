"""Chroma: a vector store in the project's own folder, or on a server.

    store.py         ChromaStore: the protocol, and Chroma's errors made ours
    client.py        the import of chromadb, its settings, and the three ways to reach it
    generations.py   folders that a kill or a full disk in the middle of a write cannot harm
    where.py         our filters in Chroma's language, and what of a chunk they look at
"""

from ragstone.connectors.chroma.store import ChromaStore

__all__ = ["ChromaStore"]
