"""How good the ranking of documents is."""

from __future__ import annotations

from dataclasses import replace

from bench.row import Measure, Row, Side

from rows.frameworks.beside import ours, peers

RANKING = "rows.retrieving.ranking"
HYBRID = {
    "langchain": ("langchain-community", "rank-bm25"),
    "llamaindex": ("llama-index-retrievers-bm25",),
    "haystack": (),
    "txtai": (),
}


def _hybrid(side: Side) -> Side:
    return replace(side, name=f"{side.name}, hybrid", packages=(*side.packages, *HYBRID[side.name]))


ROW = Row(
    name="retrieval",
    title="Retrieval quality",
    what=(
        "nDCG@10 × 100 of documents on public collections, each document as good as its best chunk among a hundred, "
        "all with all-MiniLM-L6-v2 and no call to a model. The peers rank by vectors alone, and by the hybrid search "
        "that each ships: LangChain's EnsembleRetriever, LlamaIndex's QueryFusionRetriever and Haystack's "
        "DocumentJoiner by reciprocal rank fusion with k = 60, and txtai's weighted sum. Ragstone ranks by its "
        "default, by vectors alone and by reciprocal rank fusion. Ranking is deterministic, so each side runs once. "
        "A quick run takes ADI alone."
    ),
    measures=tuple(
        Measure(name=name, unit="", better="higher") for name in ("mean", "cranfield", "cisi", "npl", "adi")
    ),
    sides=(
        ours("ragstone", RANKING, "ragstone", "default"),
        ours("ragstone, vectors alone", RANKING, "ragstone", "dense"),
        ours("ragstone, RRF", RANKING, "ragstone", "hybrid"),
        *peers(RANKING, "dense"),
        *(_hybrid(side) for side in peers(RANKING, "hybrid")),
    ),
    repeats=1,
    together=True,
    needs=("data",),
)
