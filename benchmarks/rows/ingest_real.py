"""Ingestion with the real embedder."""

from __future__ import annotations

from bench.row import Measure, Row

from rows.frameworks.beside import ours, peers

ONCE = "rows.ingesting.once"
TEXT = Measure(name="text", unit="kB/s", better="higher", digits=0)
CHUNKS = Measure(name="chunks", unit="1/s", better="higher", digits=0)
PEAK = Measure(name="peak", unit="MB", better="lower", digits=0)

ROW = Row(
    name="ingest-real",
    title="Ingest with the real embedder",
    what=(
        "Five documents, 1.1 million characters of text, from files to a searchable index, all with "
        "all-MiniLM-L6-v2. The peers cut at 800 characters and compute in float32 through torch; their embedder is "
        "loaded and their HTML made text before the clock starts. Ragstone is measured from the call to its return: "
        "it reads, parses in workers, loads the network (OpenVINO; bfloat16 where the processor has it), splits, "
        "embeds, and writes Chroma, BM25 and the manifest. Compared is Ragstone in chunks as long as the peers'; "
        "beside it the same in float32, and in its own chunks. A quick run takes a tenth of the text."
    ),
    measures=(TEXT, CHUNKS, PEAK),
    sides=(
        ours("ragstone", ONCE, "ragstone-alike", "real"),
        ours("ragstone, float32", ONCE, "ragstone-float32", "real"),
        ours("ragstone, its own chunks", ONCE, "ragstone", "real"),
        *peers(ONCE, "real"),
    ),
    needs=("data",),
)
