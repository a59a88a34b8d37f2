"""Ingestion with an embedder that costs next to nothing: what the framework itself costs."""

from __future__ import annotations

from bench.row import Row

from rows.frameworks.beside import ours, peers
from rows.ingest_real import CHUNKS, ONCE, PEAK, TEXT

ROW = Row(
    name="ingest-free",
    title="Ingest with a free embedder",
    what=(
        "As ingest-real, after all imports, with an embedder that makes a vector of a text's hash: what remains is "
        "the cost of the framework and its store. LangChain and LlamaIndex write to Chroma, as Ragstone does; "
        "Haystack holds everything in memory and writes nothing, and txtai writes faiss and SQLite. Ragstone writes "
        "BM25 and the manifest beside, and can be killed at any time. Compared is Ragstone over files that hold the "
        "text which the peers get, in chunks as long as theirs; beside it the same over the files as they are, two "
        "of which are HTML (2.6 MB) that it parses, and so in its own chunks. A quick run takes a tenth of the text."
    ),
    measures=(CHUNKS, TEXT, PEAK),
    sides=(
        ours("ragstone", ONCE, "ragstone-text", "free"),
        ours("ragstone, from HTML", ONCE, "ragstone-alike", "free"),
        ours("ragstone, its own chunks", ONCE, "ragstone", "free"),
        *peers(ONCE, "free"),
    ),
    needs=("data",),
    behind=(
        "Haystack's store is a list in memory: nothing is on disk when it is done, and a new process starts without "
        "it. txtai writes its whole index once at the end; what is killed before that is lost. Ragstone commits "
        "batch by batch to Chroma, BM25 and a manifest that agree after any kill."
    ),
)
