"""What an installation takes."""

from __future__ import annotations

from bench.row import Measure, Row

from rows.frameworks.beside import ours, peers

INSTALLING = "rows.starting.installing"

ROW = Row(
    name="install",
    title="Install",
    what=(
        "What answering from documents with a local embedder and a store takes is installed by pip into a new "
        "environment: ragstone with the embedder's weights; langchain with Chroma and Hugging Face embeddings; "
        "llama-index-core with the same; haystack-ai with sentence-transformers; txtai; the peers with torch's build "
        "for processors alone, and without their weights (91 MB). Every file lies in a folder already, so the "
        "network is not measured; pip resolves, unpacks and compiles (a quick run adds up what it would unpack). "
        "Packages are those beside pip and setuptools."
    ),
    measures=(
        Measure(name="installed", unit="MB", better="lower", digits=0),
        Measure(name="time", unit="s", better="lower", digits=1),
        Measure(name="packages", unit="", better="lower", digits=0),
    ),
    sides=(ours("ragstone", INSTALLING, "ragstone"), *peers(INSTALLING)),
    repeats=2,
    behind=(
        "Of Ragstone's packages, 84 are Chroma and what it needs, and eleven are its own choice. txtai keeps vectors "
        "in faiss and SQLite, and has everything else in extras."
    ),
)
