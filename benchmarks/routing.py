"""What routing by difficulty is worth on questions that it was not fitted to.

    python benchmarks/routing.py [--limit 400] [--skill 0.95]

The English questions of XQuAD go to an index of all its English passages. The small model is the extractive one: right
where its answer contains a right one. The large model is an oracle that is right in so many of a hundred questions,
drawn by the question alone, so that nothing in the prompt tells which. Articles are divided into two halves; a
calibration of each half is judged on the other: the mean grade at its threshold with the share of questions that go to
the large model, and by how many points its curve lies above a random mixture of the two models at equal cost, with a
95 % interval.
Data: the folder that RAGSTONE_DATA names, by default ../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ragstone
from ragstone.connectors.extractive import ExtractiveModel
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.difficulty import Aim, Example, calibrated, judged
from ragstone.evaluation.graded import grade
from ragstone.inference.features import features
from ragstone.testing import MemorySource
from ragstone.types import Context

MODELS = ("extractive", "oracle")
COSTS = {"extractive": 0.0, "oracle": 1.0}  # so that a cost is the share of questions that go up


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def data_folder() -> Path:
    """Where the public data lies. Ends the program when it is not there."""
    folder = Path(os.environ.get("RAGSTONE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not (folder / "retrieval" / "xquad").is_dir():
        sys.exit(f"{folder} holds no retrieval/xquad. Set RAGSTONE_DATA to the folder of the evaluation data.")
    return folder / "retrieval" / "xquad"


def knows(question: str, skill: float) -> float:
    """Whether the oracle knows an answer: always the same of one question."""
    drawn = int.from_bytes(hashlib.blake2b(question.encode(), digest_size=8).digest()) / 2**64
    return float(drawn < skill)


async def examples(folder: Path, *, skill: float, limit: int | None) -> list[tuple[str, Example]]:
    """Each question with its article."""
    passages = [row for row in records(folder / "passages.jsonl") if row["lang"] == "en"]
    articles = {row["id"]: str(row["article"]) for row in passages}
    questions = [row for row in records(folder / "questions.jsonl") if row["lang"] == "en"][:limit]
    embedder = OpenVINOEmbedder()
    model, found = ExtractiveModel(embedder), list[tuple[str, Example]]()
    source = MemorySource({f"{row['id']}.txt": row["text"] for row in passages})
    async with ragstone.AsyncRag(sources=[source], embedder=embedder) as rag:
        await rag.ingest()
        for row in questions:
            prompt = await rag.explain(row["question"])
            said = await model.generate(prompt, context=Context())
            right = [str(answer["text"]) for answer in row["answers"]]
            small = 0.0 if said.abstained else grade(said.text, right)
            grades = {"extractive": small, "oracle": knows(row["question"], skill)}
            found.append((articles[row["passage_id"]], Example(row["question"], grades, COSTS, features(prompt))))
    return found


def halves(found: Sequence[tuple[str, Example]]) -> tuple[list[Example], list[Example]]:
    """The questions of every second article, and the others."""
    second = set(sorted({article for article, _ in found})[1::2])
    return (
        [example for article, example in found if article not in second],
        [example for article, example in found if article in second],
    )


def show(name: str, fitted: Sequence[Example], asked: Sequence[Example]) -> None:
    for aim in (Aim("quality", 0.95), Aim("cost", 0.5)):
        found = calibrated(fitted, models=MODELS, aim=aim, unit="of the questions go up")
        verdict = judged(found.difficulty, asked)
        small, large = (verdict.singles[model][1] for model in MODELS)
        mixed = small + verdict.chosen.cost * (large - small)
        low, mean, high = (100 * value for value in verdict.gain)
        print(
            f"{name:16} {aim!s:13} {small:7.1%} {large:7.1%} {verdict.chosen.cost:8.1%} {verdict.chosen.quality:7.1%} "
            f"{mixed:8.1%} {mean:+7.1f} [{low:+.1f} to {high:+.1f}]"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="questions, the first ones")
    parser.add_argument("--skill", type=float, default=0.95, help="the share of questions that the oracle knows")
    arguments = parser.parse_args()
    found = asyncio.run(examples(data_folder(), skill=arguments.skill, limit=arguments.limit))
    first, second = halves(found)
    print(f"{len(found)} questions of XQuAD (en), an oracle of skill {arguments.skill:g}")
    print(
        f"{'fit to, judged on':16} {'aim':12} {'small':>7} {'large':>7} {'go up':>8} {'grade':>7} {'mixture':>8}  gain"
    )
    show("first, second", first, second)
    show("second, first", second, first)


if __name__ == "__main__":
    main()
