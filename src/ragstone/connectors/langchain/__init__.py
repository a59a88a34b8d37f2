"""Any vector store of LangChain, by its dotted path.

store.py        LangChainStore: the protocol
ledger.py       what was written: LangChain's interface lists no ids and gives no vectors back
embeddings.py   the embedder that a LangChain store sees, which hands out vectors that are there already
vendor.py       from a dotted path to a store, and its errors made ours
where.py        a filter as a function
"""

from ragstone.connectors.langchain.store import LangChainStore

__all__ = ["LangChainStore"]
