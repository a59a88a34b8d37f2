"""How long a question takes."""

from __future__ import annotations

from bench.row import Measure, Row

from rows.frameworks.beside import ours, peers

ONCE = "rows.asking.once"

ROW = Row(
    name="query",
    title="Query latency",
    what=(
        "Questions about the five documents of ingest-real, one after the other in one program, each for its eight "
        "best passages, with the real embedder. p50 and p95 are, for the peers, their search by vectors alone; the "
        "hybrid figures are those of the hybrid search that each ships: LangChain's EnsembleRetriever, LlamaIndex's "
        "QueryFusionRetriever and Haystack's DocumentJoiner (reciprocal rank fusion), and txtai's hybrid index. "
        "Ragstone's default is hybrid, so it stands in both; by default it compares token vectors (late interaction) "
        "and trims each passage to the sentences that count. Beside it the same without trimming, and fusion alone. "
        "A quick run asks 60 questions about a tenth of the text instead of 200 about all of it."
    ),
    measures=(
        Measure(name="p50", unit="ms", better="lower"),
        Measure(name="p95", unit="ms", better="lower"),
        Measure(name="hybrid p50", unit="ms", better="lower"),
        Measure(name="hybrid p95", unit="ms", better="lower"),
    ),
    sides=(
        ours("ragstone", ONCE, "ragstone"),
        ours("ragstone, no trimming", ONCE, "ragstone-whole"),
        ours("ragstone, fusion alone", ONCE, "ragstone-fused"),
        *peers(ONCE),
    ),
    needs=("data",),
    behind=(
        "By default Ragstone compares the token vectors of fifty passages with the question's and trims what it "
        "returns to the sentences that count: that is where its time goes, and what it brings stands in the rows "
        "retrieval and chunking. Without both (fusion alone) it does what the hybrid search of the peers does."
    ),
)
