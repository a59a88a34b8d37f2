"""`python -m rows.retrieving.ranking NAME dense|hybrid` prints nDCG@10 × 100 of documents, of each collection.

NAME is a peer, or ragstone, whose ways are dense (vectors alone), hybrid (vectors and BM25 by reciprocal rank fusion)
and default. A document is as good as its best chunk. The vectors of the peers are made once for all of them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from bench.side import DATA, KEPT, report

from rows.frameworks import peer
from rows.frameworks.vectors import Kept
from rows.retrieving.data import COLLECTIONS, collection
from rows.retrieving.judged import ndcg

DEEP = 100  # chunks, of which the first ten documents are judged
WAYS = {"dense": "dense", "hybrid": "RRF", "default": "default"}


def main(name: str, way: str) -> None:
    found = asyncio.run(ours(way)) if name == "ragstone" else theirs(name, way)
    report({"mean": mean(found.values()), **found})


def theirs(name: str, way: str) -> dict[str, float]:
    vectors = Kept()
    found: dict[str, float] = {}
    for each in COLLECTIONS:
        documents, asked = collection(each)
        with tempfile.TemporaryDirectory() as folder:
            one = peer(name, Path(folder), vectors, **({"hybrid": way == "hybrid"} if name == "txtai" else {}))
            one.load()
            one.ingest(documents)
            search = one.hybrid if way == "hybrid" else one.search
            values = [ndcg(_documents(search(one_.text, DEEP)), one_.relevant) for one_ in asked]
        found[each] = 100 * mean(values)
    return found


def _documents(pieces: Sequence[object]) -> list[str]:
    return list(dict.fromkeys(piece.document for piece in pieces))  # type: ignore[attr-defined]


async def ours(way: str) -> dict[str, float]:
    from retrieval import VARIANTS, with_settings

    from ragstone.cli.init import Default, write
    from ragstone.evaluation.datasets.layouts import read_judged
    from ragstone.evaluation.datasets.scratch import opened

    project = KEPT / f"project-{way}"
    write(project, model=Default.extractive)
    found: dict[str, float] = {}
    for each in COLLECTIONS:
        data = read_judged(DATA / "retrieval" / each)
        async with opened(project, data) as scratch:
            pipeline, values = with_settings(scratch, VARIANTS[WAYS[way]]), list[float]()
            for question in data.questions:
                hits = await pipeline.rank(question.text, k=DEEP, context=scratch.context("benchmark"))
                values.append(ndcg(list(dict.fromkeys(hit.chunk.uri for hit in hits)), question.relevant))
        found[each] = 100 * mean(values)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
