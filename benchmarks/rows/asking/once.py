"""`python -m rows.asking.once NAME` ingests the five documents, and times questions one after the other.

NAME is a peer, or ragstone, ragstone-whole (chunks as they are stored, without trimming) or ragstone-fused (neither
trimming nor late interaction: vectors and BM25 fused, as the hybrid search of the peers).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.side import QUICK, quantile, report, timed

from rows.frameworks import corpus, peer

WARM, ASKED = (5, 60) if QUICK else (20, 200)
FOUND = 8
SETTINGS = {"ragstone": "", "ragstone-whole": "trim: 0", "ragstone-fused": "trim: 0, rerank: null, smooth: 0"}


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents = corpus.written(Path(folder))
        if name in SETTINGS:
            from rows.frameworks import ragstone

            project = ragstone.made(Path(folder) / "project", documents, retrieve=SETTINGS[name])
            with ragstone.opened(project) as rag:
                rag.ingest()
                figures = _asked(lambda question: rag.search(question, k=FOUND))
            report(figures | {"hybrid p50": figures["p50"], "hybrid p95": figures["p95"]})
            return
        one = peer(name, Path(folder) / "index", **({"hybrid": False} if name == "txtai" else {}))
        one.load()
        one.ingest(corpus.texts(documents))
        figures = _asked(lambda question: one.search(question, FOUND))
        if name == "txtai":
            one = peer(name, Path(folder) / "both", hybrid=True)
            one.load()
            one.ingest(corpus.texts(documents))
        hybrid = _asked(lambda question: one.hybrid(question, FOUND))
        report(figures | {f"hybrid {key}": value for key, value in hybrid.items()})


def _asked(ask: Callable[[str], object]) -> dict[str, float | None]:
    waiting = iter(corpus.questions(WARM + ASKED) * 2)
    took = timed(lambda: ask(next(waiting)), WARM + ASKED)[WARM:]
    return {"p50": quantile(took, 0.5), "p95": quantile(took, 0.95)}


if __name__ == "__main__":
    main(sys.argv[1])
