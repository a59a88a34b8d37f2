"""Any vector store and any chat model of LangChain, by its dotted path.

model.py        LangChainModel: the protocol of models
refusals.py     what the errors of whatever package is behind a chat model mean
store.py        LangChainStore: the protocol of stores
ledger.py       what was written: LangChain's interface lists no ids and gives no vectors back
embeddings.py   the embedder that a LangChain store sees, which hands out vectors that are there already
vendor.py       from a dotted path to a store, and its errors made ours
where.py        a filter as a function
"""

from ragstone.connectors.langchain.model import LangChainModel
from ragstone.connectors.langchain.store import LangChainStore

__all__ = ["LangChainModel", "LangChainStore"]
