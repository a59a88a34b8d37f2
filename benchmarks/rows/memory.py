"""The most memory that an ingestion takes."""

from __future__ import annotations

from bench.row import Row

from rows.frameworks.beside import ours, peers
from rows.ingest_real import CHUNKS, ONCE, PEAK, TEXT

ROW = Row(
    name="memory",
    title="Memory of an ingestion",
    what=(
        "The peak of the resident memory while the five documents of ingest-real are ingested with the real "
        "embedder, each with its own settings (Ragstone: chunks of 250 tokens); of Ragstone with the largest of its "
        "parser processes, and the runtimes of all included. How fast it was stands beside it. A quick run leaves "
        "it out, for ingest-real shows a peak, too."
    ),
    measures=(PEAK, TEXT, CHUNKS),
    sides=(ours("ragstone", ONCE, "ragstone", "real"), *peers(ONCE, "real")),
    repeats=2,
    quick=0,
    needs=("data",),
)
