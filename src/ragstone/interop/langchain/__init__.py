"""Ragstone for programs that are written with LangChain. It needs the extra `langchain`.

retriever.py     as_retriever(rag): passages as LangChain's documents
vectorstore.py   RagstoneVectorStore: one of our vector stores, with the texts beside it
embeddings.py    RagstoneEmbeddings: one of our embedders
cache.py         RagstoneCache: answers of models in one of our caches
"""

from ragstone.interop.langchain.cache import RagstoneCache
from ragstone.interop.langchain.embeddings import RagstoneEmbeddings
from ragstone.interop.langchain.retriever import RagstoneRetriever, as_retriever
from ragstone.interop.langchain.vectorstore import RagstoneVectorStore

__all__ = ["RagstoneCache", "RagstoneEmbeddings", "RagstoneRetriever", "RagstoneVectorStore", "as_retriever"]
