"""What is promised of the semantic cache, on real pairs and on near misses that know nothing of the vetoes."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragstone.caching.semantic.calibration import shipped
from ragstone.caching.semantic.fitting import Pair, fit, groups
from ragstone.caching.semantic.verifier import Verifier
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.pairs import Labelled, embedded, measured, paired, read_pairs
from ragstone.types import Context

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("RAGSTONE_DATA", ROOT.parent / "shared/data")) / "paraphrase/qqp_pairs.jsonl"
BOUND, FOUND, ACCEPTED = 0.05, 0.40, 0.02

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not there; set RAGSTONE_DATA"),
]


@pytest.fixture(scope="module")
def rows() -> list[Labelled]:
    return read_pairs(DATA)


@pytest.fixture(scope="module")
def pairs(rows: list[Labelled]) -> list[Pair]:
    texts = [text for row in rows for text in (row.text_a, row.text_b)]
    return paired(rows, asyncio.run(embedded(texts, OpenVINOEmbedder(), context=Context())))


def halves(rows: list[Labelled], seed: int) -> np.ndarray:
    numbered = np.array(groups([(row.text_a, row.text_b) for row in rows]))
    return (np.random.default_rng(seed).permutation(numbered.max() + 1) % 2 == 0)[numbered]


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_the_kind_that_was_fitted_are_told_apart(rows: list[Labelled], pairs: list[Pair], seed: int) -> None:
    chosen = halves(rows, seed)
    given = [pair for pair, use in zip(pairs, chosen, strict=True) if use]
    found = measured(
        [pair for pair, use in zip(pairs, chosen, strict=True) if not use],
        fit(given, embedder="default", bound=BOUND, on="half of the pairs", seed=seed),
    )
    assert found.found >= FOUND
    assert found.false_positive_rate <= BOUND


def test_what_is_shipped_keeps_the_bound_on_pairs_that_took_no_part_in_it(pairs: list[Pair]) -> None:
    found = measured(pairs, shipped())
    assert found.false_positive_rate <= BOUND
    assert found.found >= 0.3


@pytest.mark.parametrize("change", ["negation", "number", "name"])
async def test_near_misses_are_refused(rows: list[Labelled], change: str) -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    near_misses: Any = importlib.import_module("near_misses").near_misses
    made = near_misses(sorted({row.text_b for row in rows}), change, most=500, seed=7)
    asked = await embedded([text for pair in made for text in pair], OpenVINOEmbedder(), context=Context())
    verifier = Verifier(shipped())
    accepted = [verifier.judge(asked[other], asked[one]).same for one, other in made]
    assert len(made) > 300
    assert np.mean(accepted) <= ACCEPTED
