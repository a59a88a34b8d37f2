"""How much of what is returned is what was asked for."""

from __future__ import annotations

from bench.row import Measure, Row

from rows.frameworks.beside import ours, peers

SPANS = "rows.retrieving.spans"

ROW = Row(
    name="chunking",
    title="Chunking quality",
    what=(
        "Recall and IoU, in percent of characters, of the five spans that are returned for a question of "
        "chunking_eval (the part of its corpora that may be shared): how much of the right text comes, and how "
        "little of other text. The peers return their chunks of 800 characters (LlamaIndex 200 tokens) by vectors; "
        "Ragstone its chunks by its default ranking, trimmed to the sentences that count, and beside it as they are "
        "stored. txtai has no splitter of its own and is left out. It is deterministic, so each side runs once. A "
        "quick run takes a tenth of the text and its questions."
    ),
    measures=(
        Measure(name="recall", unit="%", better="higher"),
        Measure(name="IoU", unit="%", better="higher"),
    ),
    sides=(
        ours("ragstone", SPANS, "ragstone"),
        ours("ragstone, as stored", SPANS, "ragstone-whole"),
        *peers(SPANS, without=("txtai",)),
    ),
    repeats=1,
    together=True,
    needs=("data",),
)
