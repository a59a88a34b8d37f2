"""Span recall, precision and IoU beside figures that others have published with the same splitter and embedder.

    python benchmarks/published_spans.py

The questions are those of chunking_evaluation (Smith and Troynikov 2024, "Evaluating Chunking Strategies for
Retrieval"), of which three corpora of five lie in RAGSTONE_DATA. The report gives means over all five, so its figures
cannot be compared with ours. Two people have published figures of one corpus, all of whose questions are here: with
them, ours must agree within half a point. For every question our code is also compared with a plain restatement of
the report's definition, on the same chunks.

Theirs are vectors in float32, so ours are, too. In bfloat16, in which Ragstone runs where the processor has it, chunks
whose cosines differ by less than a thousandth may change places: one of 76 questions is 1.3 points.

It needs langchain-text-splitters, tiktoken, and the tokenizer file that llama-index-core brings (requirements/dev.in).
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ragstone.connectors.openvino import OpenVINOEmbedder, runtime
from ragstone.evaluation.metrics.spans import Span, overlapping
from ragstone.evaluation.outcomes import Passage
from ragstone.types import Context

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "retrieval" / "chunking_eval"
NEAR = 0.5  # points
RETURNED = 5
ENCODING = "cl100k_base"
SEPARATORS = ["\n\n", "\n", ".", "?", "!", " ", ""]  # the report's, in place of LangChain's own

Figures = tuple[float, float, float]
"""Recall, precision and IoU × 100."""

SUCIU = "SuciuCaesar12/chunking_evaluation@447b5ff, experiments/results/metrics.csv"
POLINA = "polinak1r/Chunking_Evaluation@e9ec9b4, results_table.csv"
CORPUS = "state_of_the_union"
Row = tuple[str, int, int, int, Figures]
"""Source, tokens of a chunk, of its overlap, returned chunks, figures of CORPUS by all-MiniLM-L6-v2."""

PUBLISHED: tuple[Row, ...] = (
    (SUCIU, 50, 0, 5, (75.816, 11.219, 10.817)),
    (SUCIU, 50, 25, 5, (86.408, 13.124, 12.824)),
    (SUCIU, 100, 0, 5, (89.705, 7.381, 7.353)),
    (SUCIU, 100, 25, 5, (88.426, 7.041, 6.978)),
    (SUCIU, 100, 50, 5, (85.655, 6.842, 6.819)),
    (SUCIU, 150, 0, 5, (89.857, 4.857, 4.843)),
    (SUCIU, 150, 75, 5, (91.521, 4.884, 4.864)),
    (SUCIU, 200, 0, 1, (61.982, 13.299, 12.951)),
    (SUCIU, 200, 0, 5, (91.429, 3.830, 3.825)),
    (SUCIU, 200, 0, 10, (98.037, 2.025, 2.025)),
    (SUCIU, 200, 25, 5, (95.325, 3.920, 3.919)),
    (SUCIU, 200, 50, 5, (94.083, 3.878, 3.877)),
    (SUCIU, 350, 150, 5, (99.916, 2.338, 2.338)),
    (SUCIU, 400, 25, 5, (87.528, 1.770, 1.767)),
    (POLINA, 50, 0, 5, (75.83, 11.22, 10.82)),
    (POLINA, 200, 0, 5, (91.43, 3.83, 3.83)),
    (POLINA, 250, 0, 5, (95.05, 3.12, 3.12)),
    (POLINA, 300, 0, 5, (88.23, 2.47, 2.46)),
    (POLINA, 350, 0, 5, (85.45, 1.93, 1.92)),
    (POLINA, 400, 0, 5, (82.23, 1.78, 1.78)),
    (POLINA, 450, 0, 5, (80.44, 1.44, 1.44)),
    (POLINA, 500, 0, 5, (89.71, 1.49, 1.49)),
)
REPORTED: tuple[tuple[int, int, int, Figures], ...] = (
    # tokens of a chunk at most, in the mean, of its overlap; the report's means over five corpora, all-MiniLM-L6-v2
    (250, 180, 125, (78.7, 4.9, 4.9)),
    (250, 162, 0, (78.5, 5.4, 5.4)),
    (200, 128, 0, (75.7, 6.5, 6.5)),
)


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    corpus: str
    right: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The mean figures over questions, and how far the restatement of the definition lies from our code at most."""

    figures: Figures
    apart: float
    questions: int
    by_corpus: dict[str, Figures] = field(default_factory=dict[str, Figures])


async def main() -> None:
    names = ("ragstone", "langchain-text-splitters", "tiktoken")
    print(f"all-MiniLM-L6-v2 by {', '.join(f'{name} {version(name)}' for name in names)}; {ENCODING}\n")
    near, apart = await published()
    apart = max(apart, await reported())
    print(f"\nLargest distance from a published figure of {CORPUS}: {near:.2f} points, wanted at most {NEAR}.")
    print(f"Largest distance of our code from the definition restated, over every question above: {apart:.1e}.")
    sys.exit(near > NEAR or apart > 1e-9)


async def published(rows: Sequence[Row] = PUBLISHED) -> tuple[float, float]:
    """Prints one row for each published figure; gives the largest distance, and that from the restated definition."""
    print(f"Chunks of so many tokens, {CORPUS} alone, recall / precision / IoU × 100\n")
    exact, quick = await loaded("f32"), await loaded()
    own = quick._runtime().precision
    print(f"| tokens | overlap | returned | published | ours | apart | ours in {own} | by |")
    print("|---|---|---|---|---|---|---|---|")
    questions = [one for one in read() if one.corpus == CORPUS]
    furthest = apart = 0.0
    for source, size, overlap, returned, theirs in rows:
        chunks = fixed(CORPUS, size, overlap)
        ours = await judged(questions, chunks, returned, exact)
        again = await judged(questions, chunks, returned, quick)
        distance = max(abs(one - other) for one, other in zip(ours.figures, theirs, strict=True))
        furthest, apart = max(furthest, distance), max(apart, ours.apart, again.apart)
        row = (size, overlap, returned, said(theirs), said(ours.figures), f"{distance:.2f}", said(again.figures))
        print(f"| {' | '.join(map(str, row))} | {source.partition('/')[0]} |", flush=True)
    print(f"\nSources on GitHub: {SUCIU}; {POLINA}.")
    return furthest, apart


async def reported() -> float:
    """Prints what the report says of five corpora beside ours over three; gives the largest distance as above."""
    questions = read()
    corpora = list(dict.fromkeys(one.corpus for one in questions))
    print(f"\nRecursiveCharacterTextSplitter, {RETURNED} returned; not the same questions, so not to be compared\n")
    print(f"| tokens | overlap | report: 472 questions, 5 corpora | ours: {len(questions)} | {' | '.join(corpora)} |")
    print("|---|---|---|---|---|---|---|")
    apart, embedder = 0.0, await loaded()
    for size, usual, overlap, theirs in REPORTED:
        chunks = [one for corpus in corpora for one in recursive(corpus, size, overlap)]
        ours = await judged(questions, chunks, RETURNED, embedder)
        apart = max(apart, ours.apart)
        own = float(np.mean([tokens(one.text) for one in chunks]))
        each = " | ".join(said(ours.by_corpus[corpus]) for corpus in corpora)
        sizes = f"{size} (report ~{usual}, ours ~{own:.0f})"
        print(f"| {sizes} | {overlap} | {said(theirs)} | {said(ours.figures)} | {each} |", flush=True)
    return apart


async def judged(
    questions: Sequence[Question], chunks: Sequence[Passage], returned: int, embedder: OpenVINOEmbedder
) -> Judged:
    """Searches all chunks for each question by the cosine alone, and judges what comes first."""
    asked = await vectors([one.text for one in questions], embedder)
    stored = await vectors([one.text for one in chunks], embedder)
    found = np.argsort(-(asked @ stored.T), axis=1, kind="stable")
    each: list[Figures] = []
    apart = 0.0
    for question, order in zip(questions, found, strict=True):
        passages = [chunks[place] for place in order[:returned]]
        both = overlapping(passages, [(question.corpus, span) for span in question.right])
        each.append((100 * both.recall, 100 * both.precision, 100 * both.iou))
        again = restated(passages, question)
        apart = max(apart, *(abs(one - 100 * other) for one, other in zip(each[-1], again, strict=True)))
    corpora = dict.fromkeys(one.corpus for one in questions)
    by_corpus = {
        name: mean([one for one, question in zip(each, questions, strict=True) if question.corpus == name])
        for name in corpora
    }
    return Judged(mean(each), apart, len(each), by_corpus)


def restated(passages: Sequence[Passage], question: Question) -> Figures:
    """The report's definition, character by character: e are those of the excerpts, r those that were returned.

    recall = |e ∩ r| / |e|, precision = |e ∩ r| / |r|, IoU = |e ∩ r| / (|e| + |r| − |e ∩ r|), where r counts a character
    as often as it was returned, and e ∩ r once.
    """
    excerpts = {at for start, end in question.right for at in range(start, end)}
    returned = [(one.uri, at) for one in passages for at in range(one.start, one.end)]
    met = len(excerpts & {at for uri, at in returned if uri == question.corpus})
    return met / len(excerpts), met / len(returned), met / (len(excerpts) + len(returned) - met)


def mean(each: Sequence[Figures]) -> Figures:
    recall, precision, iou = np.mean(each, axis=0).tolist()
    return recall, precision, iou


def said(figures: Figures) -> str:
    return " / ".join(f"{one:.2f}" for one in figures)


# ── Questions, chunks, vectors ──────────────────────────────────────────────────────────────────────────────────────


def read() -> list[Question]:
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Question(
            text=row["question"],
            corpus=row["corpus_id"],
            right=tuple((one["start_index"], one["end_index"]) for one in row["references"]),
        )
        for row in rows
    ]


def fixed(corpus: str, size: int, overlap: int) -> list[Passage]:
    """Windows of so many tokens: LangChain's TokenTextSplitter, which is the report's FixedTokenChunker."""
    from langchain_text_splitters import TokenTextSplitter

    encoding()
    splitter = TokenTextSplitter(encoding_name=ENCODING, chunk_size=size, chunk_overlap=overlap)
    return located(corpus, splitter.split_text(text_of(corpus)))


def recursive(corpus: str, size: int, overlap: int) -> list[Passage]:
    """LangChain's RecursiveCharacterTextSplitter, with the separators of the report."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        separators=SEPARATORS, chunk_size=size, chunk_overlap=overlap, length_function=tokens
    )
    return located(corpus, splitter.split_text(text_of(corpus)))


def located(corpus: str, chunks: Sequence[str]) -> list[Passage]:
    """The chunks with their places, each behind the start of the one before."""
    whole, found, at = text_of(corpus), list[Passage](), 0
    for chunk in chunks:
        start = whole.index(chunk, at)
        found.append(Passage(uri=corpus, start=start, end=start + len(chunk), text=chunk))
        at = start + 1
    return found


def text_of(corpus: str) -> str:
    return (DATA / "corpora" / f"{corpus}.md").read_text(encoding="utf-8")


def tokens(text: str) -> int:
    return len(encoding().encode(text, disallowed_special=()))


def encoding() -> Any:
    """The tokenizer. tiktoken would download its file; llama-index-core has brought it along."""
    core = importlib.util.find_spec("llama_index.core")
    assert core is not None, "llama-index-core is in requirements/dev.in"
    assert core.origin is not None
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(Path(core.origin).parent / "_static" / "tiktoken_cache"))
    import tiktoken

    return tiktoken.get_encoding(ENCODING)


async def loaded(precision: str = "") -> OpenVINOEmbedder:
    """The default embedder, in a given precision, or else in that in which this processor runs it."""
    usual = runtime._precision
    try:
        runtime._precision = (lambda core: precision) if precision else usual
        embedder = OpenVINOEmbedder()
        await embedder.load()
        return embedder
    finally:
        runtime._precision = usual


async def vectors(texts: Sequence[str], embedder: OpenVINOEmbedder) -> Any:
    """Vectors of length 1. Of a text that is longer than the window, its beginning, as sentence-transformers does."""
    room = embedder.window - 2  # special tokens
    cut: list[str] = []
    for text in texts:
        _, places = embedder.tokens(text)
        cut.append(text if len(places) <= room else text[: places[room - 1][1]])
    return await embedder.embed(cut, context=Context())


if __name__ == "__main__":
    asyncio.run(main())
