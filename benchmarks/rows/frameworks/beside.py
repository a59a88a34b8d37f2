"""The sides of the rows that ingest and search: Ragstone, and the four peers with the packages that they need."""

from __future__ import annotations

from bench.row import Side

__all__ = ["PEERS", "ours", "peers"]

PEERS = {
    "langchain": ("langchain", "langchain-chroma", "langchain-huggingface", "langchain-text-splitters"),
    "llamaindex": ("llama-index-core", "llama-index-vector-stores-chroma", "llama-index-embeddings-huggingface"),
    "haystack": ("haystack-ai", "sentence-transformers-haystack"),
    "txtai": ("txtai",),
}
SHARED = {"langchain": ("chromadb",), "llamaindex": ("chromadb",)}
TORCH = ("sentence-transformers", "torch")


def ours(name: str, *command: str) -> Side:
    """One of ours."""
    packages = ("ragstone", "openvino", "chromadb", "tantivy")
    return Side(name=name, environment="ours", command=("-m", *command), packages=packages, ours=True)


def peers(module: str, *arguments: str, without: tuple[str, ...] = ()) -> tuple[Side, ...]:
    """`python -m module PEER argument …` for each peer."""
    return tuple(
        Side(
            name=name,
            environment="peers",
            command=("-m", module, name, *arguments),
            packages=(*packages, *SHARED.get(name, ()), *TORCH),
        )
        for name, packages in PEERS.items()
        if name not in without
    )
