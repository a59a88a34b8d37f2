"""Fits what the semantic cache ships with, on texts whose licence allows it; writes caching/semantic/calibration.json.

    python benchmarks/calibrate_semantic.py [--dry-run] [--all-features]

The same: paraphrased statements of ML documentation (MIT); questions of XQuAD (CC BY-SA 4.0) about one passage with one
answer; questions of XQuAD and of chunking_evaluation (MIT), each with rewrites of its own by rules (rewrites.py).
Different: the nearest questions of XQuAD with other answers, and the nearest of chunking_evaluation.

Such pairs are easier to tell apart than what people ask: rules rewrite little, and questions about one passage ask for
many things. So only the cosine is fitted, beside the vetoes: weights for the other features, as --all-features gives
them, are worse on real questions than none. And the threshold lets at most LEAST of these different pairs pass, so that
the bound, five times as much, has room. benchmarks/semantic.py judges the result on pairs that took no part in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
from extractive import data_folder
from rewrites import several

from ragstone.caching.semantic import calibration as calibrating
from ragstone.caching.semantic.features import TOKENS, WORDS
from ragstone.caching.semantic.fitting import Pair, fit
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.reading import plain
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.pairs import embedded
from ragstone.text.answers import plain_words
from ragstone.types import Context

BOUND, LEAST = 0.05, 0.01
REWRITES = 2  # of each question
NEAREST = 4  # questions that each is told apart from
ON = "XQuAD, chunking_evaluation and ML paraphrases"
TARGET = Path(calibrating.__file__).with_name("calibration.json")

Texts = tuple[str, str]


def rows(path: Path) -> Iterator[dict[str, str]]:
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def answered(data: Path) -> dict[str, tuple[str, str]]:
    """Each English question of XQuAD with its passage and the words of its answer."""
    return {
        str(row["question"]): (str(row["passage_id"]), " ".join(plain_words(row["answers"][0]["text"])))  # type: ignore[index]
        for row in rows(data / "retrieval/xquad/questions.jsonl")
        if row["lang"] == "en"
    }


def of_one_answer(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether two questions may mean the same: one's answer holds the other's."""
    return first[0] == second[0] and (first[1] in second[1] or second[1] in first[1])


def neighbours(questions: Sequence[str], asked: dict[str, Asked]) -> Iterator[Texts]:
    vectors = np.array([asked[question].vector for question in questions])
    nearness = vectors @ vectors.T
    np.fill_diagonal(nearness, -1)
    pairs = {tuple(sorted((at, int(other)))) for at, row in enumerate(nearness) for other in np.argsort(-row)[:NEAREST]}
    yield from ((questions[one], questions[other]) for one, other in sorted(pairs))


async def gathered(data: Path, embedder: OpenVINOEmbedder) -> list[Pair]:
    lot = Random(0)
    known = answered(data)
    chunking = [row["question"] for row in rows(data / "retrieval/chunking_eval/questions.jsonl")]
    same = [(row["text_a"], row["text_b"]) for row in rows(data / "paraphrase/ml_paraphrases.jsonl")]
    same += [(text, made) for text in (*known, *chunking) for made in several(text, lot, REWRITES)]
    texts = [*known, *chunking, *(text for pair in same for text in pair)]
    asked = await embedded(texts, embedder, context=Context())
    different: list[Texts] = [*neighbours(chunking, asked)]
    for one, other in neighbours([*known], asked):
        near = float(asked[one].vector @ asked[other].vector)
        if known[one] == known[other] and near > 0.7:
            same.append((one, other))
        elif not of_one_answer(known[one], known[other]):
            different.append((one, other))
    labelled = [(pair, True) for pair in same] + [(pair, False) for pair in different]
    return [Pair(asked[one], asked[other], label) for (one, other), label in labelled if plain(one) != plain(other)]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the file and write nothing")
    parser.add_argument("--all-features", action="store_true", help="fit every feature; for comparison")
    options = parser.parse_args()
    embedder = OpenVINOEmbedder()
    pairs = await gathered(data_folder(), embedder)
    features = (*WORDS, *TOKENS) if options.all_features else ("cosine",)
    found = fit(pairs, embedder=embedder.fingerprint, bound=LEAST, on=ON, features=features)
    found = found.model_copy(update={"bound": BOUND})
    if not options.all_features:
        found = found.model_copy(update={"common": {}})  # nothing goes by them
    print(found.dump())
    if not options.dry_run:
        TARGET.write_text(found.dump(), encoding="utf-8")
        print(f"Wrote {TARGET.name}.")


if __name__ == "__main__":
    asyncio.run(main())
