"""What other words do to a search, by how good they are, with the merge that ships and with others.

    python benchmarks/rewriting.py [COLLECTION]... [--keep FOLDER]

nDCG@10 × 100. No model is asked: three queries stand beside each question, made of words that are drawn with a fixed
seed. `half`: of half of its own words each, as a paraphrase that loses something. `lost`: other questions of the
collection, as a model that has lost the thread. `found`: eight words each from documents that answer it, as good as
other words can be.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from retrieval import DATA

from ragstone.cli.init import Default, write
from ragstone.evaluation.datasets.layouts import Judged, Question, read_judged
from ragstone.evaluation.datasets.runs import DEEP, by_document
from ragstone.evaluation.datasets.scratch import Scratch, opened
from ragstone.pipelines import beside
from ragstone.pipelines.retrieve import as_hits
from ragstone.retrieval import rewrite
from ragstone.retrieval.fuse import Fused, reciprocal_rank
from ragstone.retrieval.rewrite import Query, merged
from ragstone.types import Scored

COLLECTIONS = ("adi", "cranfield", "cisi")
BESIDE = 3  # queries
WORDS = 8  # of a document that make a query

Merge = Callable[..., Fused]


def alone(rankings: Sequence[Fused], *, ways: Sequence[str]) -> Fused:
    """The question's own words."""
    return rankings[0]


def by_rank(rankings: Sequence[Fused], *, ways: Sequence[str]) -> Fused:
    """Reciprocal rank fusion, every query alike."""
    lists = {str(at): [Scored(id_, own["fused"]) for id_, own in found] for at, found in enumerate(rankings)}
    return [(id_, {"fused": 30 * scores["fused"] / len(lists)}) for id_, scores in reciprocal_rank(lists)]


def best(rankings: Sequence[Fused], *, ways: Sequence[str]) -> Fused:
    """The best score of any query."""
    scores: dict[str, float] = {}
    for id_, own in (hit for found in rankings for hit in found):
        scores[id_] = max(scores.get(id_, 0.0), own["fused"])
    return [(id_, {"fused": scores[id_]}) for id_ in sorted(scores, key=lambda id_: (-scores[id_], id_))]


def weighing(weight: float) -> Merge:
    """The merge that ships, with another weight."""

    def of(rankings: Sequence[Fused], *, ways: Sequence[str]) -> Fused:
        kept, rewrite.BESIDE = rewrite.BESIDE, weight
        try:
            return merged(rankings, ways=ways)
        finally:
            rewrite.BESIDE = kept

    return of


MERGES: dict[str, Merge] = {
    "own words": alone,
    "shipped": merged,
    "weight 0.25": weighing(0.25),
    "weight 1": weighing(1.0),
    "best score": best,
    "RRF": by_rank,
}


def half(question: Question, data: Judged, drawn: random.Random) -> Iterator[str]:
    """Queries of half of its words."""
    words = question.text.split()
    for _ in range(BESIDE):
        yield " ".join(word for word in words if drawn.random() < 0.5) or question.text


def lost(question: Question, data: Judged, drawn: random.Random) -> Iterator[str]:
    """Other questions."""
    for _ in range(BESIDE):
        yield drawn.choice(data.questions).text


def found(question: Question, data: Judged, drawn: random.Random) -> Iterator[str]:
    """Words of documents that answer it."""
    texts = [text.text.split() for text in data.texts if text.id in question.relevant]
    texts = [words for words in texts if len(words) >= WORDS]
    for _ in range(BESIDE if texts else 0):
        yield " ".join(drawn.sample(drawn.choice(texts), WORDS))


async def main(names: Sequence[str], kept: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        project = (kept or Path(name)) / "project"
        if not project.exists():
            write(project, model=Default.extractive)
        print(f"\n| nDCG@10 × 100 | words | {' | '.join(MERGES)} |\n|---|---{'|---' * len(MERGES)}|")
        for collection in names:
            data = read_judged(DATA / collection)
            async with opened(project, data, keep=True) as scratch:
                for words in (half, lost, found):
                    values = await measured(scratch, data, words)
                    print(f"| {collection} | {words.__name__} | {' | '.join(values)} |", flush=True)


async def measured(
    scratch: Scratch, data: Judged, words: Callable[[Question, Judged, random.Random], Iterator[str]]
) -> list[str]:
    """A figure for each merge."""
    ranking, drawn, context = scratch.answer.ranking, random.Random(1), scratch.context("benchmark")
    facts = await ranking.index.facts()
    values: dict[str, list[float]] = {name: [] for name in MERGES}
    for question in data.questions:
        others = [Query(text, "multi_query") for text in words(question, data, drawn)]
        for name, merge in MERGES.items():
            beside.merged = merge
            asked = await ranking.ask(question.text, facts, context, others=others)
            hits = as_hits((await ranking.rank(asked, k=DEEP, filters=None, context=context))[:DEEP])
            judged = ranking({question.id: by_document(hits)}, {question.id: question.relevant})
            values[name].append(judged[question.id]["ndcg@10"])
    return [f"{100 * float(np.mean(own)):.1f}" for own in values.values()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="*", metavar="COLLECTION", default=list(COLLECTIONS))
    parser.add_argument("--keep", type=Path, help="the folder in which the indexes stay")
    given = parser.parse_args()
    asyncio.run(main(given.collections, given.keep))
