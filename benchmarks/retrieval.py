"""Retrieval quality on the shared collections, by the default configuration and with each part of it left out.

    python benchmarks/retrieval.py [collections] [chunks] [passages] [tuned] [--keep FOLDER]

`collections`: nDCG@10 × 100 of documents. `tuned`: the same after `ragstone tune` on half of the questions, judged on
the other half. `chunks`: recall and IoU of five returned spans, trimmed and as they are stored. `passages`: hit@1 in
Chinese and in the languages of XQuAD. With `--keep` the indexes stay in a folder, and the next run takes seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ragstone.cli.init import Default, write
from ragstone.evaluation.datasets.layouts import Judged, Question, read_judged, read_passages, read_spans
from ragstone.evaluation.datasets.runs import DEEP, RETURNED, by_document
from ragstone.evaluation.datasets.scratch import Scratch, opened
from ragstone.evaluation.metrics import spans
from ragstone.evaluation.metrics.ranking import ranking
from ragstone.evaluation.resampling import interval
from ragstone.evaluation.tune import tuned
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.spec import RetrieveSpec
from ragstone.types import Hit

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "retrieval"
COLLECTIONS = {"cranfield": 42.0, "cisi": 48.0, "npl": 51.0, "adi": 54.0}  # with the bar of each
PLAIN: dict[str, Any] = {"rerank": None, "smooth": 0}
VARIANTS: dict[str, dict[str, Any]] = {
    "BM25": {"mode": "lexical", **PLAIN},
    "dense": {"mode": "dense", **PLAIN},
    "RRF": {"fusion": "rrf", **PLAIN},
    "convex": PLAIN,
    "convex, interaction": {"smooth": 0},
    "default": {},
}


async def main(parts: Sequence[str], kept: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = kept or Path(name)
        project = folder / "project"
        if not project.exists():
            write(project, model=Default.extractive)
        print(f"\nSettings: {RetrieveSpec().model_dump(exclude_defaults=False)}")
        if "collections" in parts:
            await collections(project)
        if "chunks" in parts:
            await chunks(project)
        if "passages" in parts:
            await passages(project)
        if "tuned" in parts:
            await after_tuning(project)


async def collections(project: Path) -> None:
    print(f"\n| nDCG@10 × 100 | {' | '.join(VARIANTS)} | 95 % interval | wanted | ms a question |")
    print("|---" * (len(VARIANTS) + 4) + "|")
    means: list[list[float]] = []
    for name, bar in COLLECTIONS.items():
        data = read_judged(DATA / name)
        async with opened(project, data, keep=True) as scratch:
            found = [await ndcg(scratch, data, settings) for settings in VARIANTS.values()]
        means.append([100 * float(np.mean(values)) for values, _ in found])
        low, high = interval(found[-1][0])
        row = " | ".join(f"{mean:.1f}" for mean in means[-1])
        print(f"| {name} | {row} | {100 * low:.1f}–{100 * high:.1f} | {bar:.0f} | {found[-1][1]:.1f} |", flush=True)
    print(f"| mean | {' | '.join(f'{mean:.1f}' for mean in np.mean(means, axis=0))} | | 49.5 | |")


async def ndcg(scratch: Scratch, data: Judged, settings: Mapping[str, Any]) -> tuple[list[float], float]:
    """nDCG@10 of each question, and the median time of one in ms."""
    pipeline, values, took = with_settings(scratch, settings), list[float](), list[float]()
    for question in data.questions:
        begun = time.perf_counter()
        hits = await pipeline.rank(question.text, k=DEEP, context=scratch.context("benchmark"))
        took.append(1000 * (time.perf_counter() - begun))
        judged = ranking({question.id: by_document(hits)}, {question.id: question.relevant})
        values.append(judged[question.id]["ndcg@10"])
    return values, float(np.median(took))


async def chunks(project: Path) -> None:
    data = read_spans(DATA / "chunking_eval")
    print("\n| five spans | recall % | precision % | IoU % | ms a question |\n|---|---|---|---|---|")
    async with opened(project, data, keep=True) as scratch:
        for name, settings in {"as stored": {"trim": 0}, "trimmed": {}}.items():
            pipeline, found, took = with_settings(scratch, settings), list[dict[str, float]](), list[float]()
            for question in data.questions:
                begun = time.perf_counter()
                hits = await pipeline.search(question.text, k=RETURNED, context=scratch.context("benchmark"))
                took.append(1000 * (time.perf_counter() - begun))
                found.append(overlap(question, hits))
            figures = " | ".join(f"{100 * float(np.mean([one[key] for one in found])):.1f}" for key in found[0])
            print(f"| {name} | {figures} | {np.median(took):.1f} |", flush=True)
    print("\nWanted: recall ≥ 90 and IoU ≥ 12 together.")


def overlap(question: Question, hits: Sequence[Hit]) -> dict[str, float]:
    corpus = next(iter(question.relevant))
    behind = max(end for _, end in question.spans)
    within = [(hit.chunk.start, hit.chunk.end) for hit in hits if hit.chunk.uri == corpus]
    others = [(behind, behind + len(hit.chunk.text)) for hit in hits if hit.chunk.uri != corpus]
    return spans.overlap([*within, *others], question.spans)


async def passages(project: Path) -> None:
    print("\n| passages | questions | hit@1 % | wanted |\n|---|---|---|---|")
    wanted = {"en": 95, "zh": 92}
    languages = ("en", "zh", "ar", "de", "el", "es", "hi", "ro", "ru", "th", "tr", "vi")
    rows = [("CMRC", read_passages(DATA / "cmrc2018"), 97)]
    rows += [(f"XQuAD {lang}", read_passages(DATA / "xquad", lang=lang), wanted.get(lang, 0)) for lang in languages]
    for name, data, bar in rows:
        async with opened(project, data, keep=True) as scratch:
            pipeline, right = with_settings(scratch, {}), 0
            for question in data.questions:
                if not question.text.strip():  # two of CMRC's have no word
                    continue
                hits = await pipeline.rank(question.text, k=1, context=scratch.context("benchmark"))
                right += bool(hits) and hits[0].chunk.uri in question.relevant
        share = 100 * right / len(data.questions)
        print(f"| {name} | {len(data.questions):,} | {share:.1f} | {bar or ''} |", flush=True)


async def after_tuning(project: Path) -> None:
    print("\n| nDCG@10 × 100, judging half | default | tuned | what was chosen | gain | real |")
    print("|---|---|---|---|---|---|")
    for name in COLLECTIONS:
        data = read_judged(DATA / name)
        async with opened(project, data, keep=True) as scratch:
            found = await tuned(scratch.answer, data.questions, context=lambda at=scratch: at.context("tune"))
        before, after = (100 * row.mean(found.judging) for row in (found.current, found.chosen))
        gain = found.gain
        said = f"{100 * gain.mean:+.1f} ({100 * gain.interval[0]:+.1f} to {100 * gain.interval[1]:+.1f})"
        print(f"| {name} | {before:.1f} | {after:.1f} | {found.chosen.name} | {said} | {found.real} |", flush=True)


def with_settings(scratch: Scratch, settings: Mapping[str, Any]) -> AnswerPipeline:
    """The pipeline of the project with other settings of `retrieve:`."""
    own = scratch.answer.retrieve.model_dump() | dict(settings)
    return scratch.answer.using(RetrieveSpec.model_validate(own))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", default=["collections", "chunks", "passages"])
    parser.add_argument("--keep", type=Path, help="the folder in which the indexes stay")
    given = parser.parse_args()
    if unknown := set(given.parts) - {"collections", "chunks", "passages", "tuned"}:
        parser.error(f"there is no part {min(unknown)!r}")
    asyncio.run(main(given.parts, given.keep))
