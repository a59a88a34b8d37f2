"""Ingestion when nothing has changed."""

from __future__ import annotations

from dataclasses import replace

from bench.row import Measure, Row, Side

from rows.frameworks.beside import ours, peers

AGAIN = "rows.ingesting.again"


def _incremental(side: Side) -> tuple[Side, ...]:
    if side.name != "langchain":
        return ()
    return (replace(side, name="langchain, incremental", command=(*side.command, "incremental")),)


ROW = Row(
    name="re-ingest",
    title="Ingest again, nothing changed",
    what=(
        "Three tenths of the text of ingest-real (a tenth in a quick run) are ingested, and then the same again, with "
        "the real embedder; the files are read each time. LangChain uses its indexing API with a record manager in "
        "SQLite, which compares hashes of chunks: with the cleanup scoped_full, and beside it with incremental, "
        "which deletes and embeds again the chunks of a document that does not fit into one batch of 100. LlamaIndex "
        "has its IngestionPipeline with a document store (upserts), which compares hashes of texts and is a "
        "dictionary of this process. Haystack and txtai ship nothing that compares before it embeds, and do all of it "
        "again. Ragstone compares the files with its manifest in SQLite."
    ),
    measures=(
        Measure(name="again", unit="s", better="lower", digits=3),
        Measure(name="of the first run", unit="%", better="lower", digits=1),
        Measure(name="embedded", unit="", better="lower", digits=0),
    ),
    sides=(
        ours("ragstone", AGAIN, "ragstone"),
        *(side for peer in peers(AGAIN) for side in (peer, *_incremental(peer))),
    ),
    needs=("data",),
    behind=(
        "LlamaIndex's store of documents is a dictionary: it compares four hashes in memory and asks no disk; a new "
        "process that has not loaded it embeds everything again. Ragstone asks its manifest, which is a file that any "
        "process shares, under the lock that keeps two ingestions apart. Both are a matter of milliseconds."
    ),
)
