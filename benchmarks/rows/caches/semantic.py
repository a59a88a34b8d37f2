"""`python -m rows.caches.semantic NAME` judges pairs of questions as a semantic cache does.

NAME is ragstone (calibrated on the half of the pairs that does not judge), ragstone-shipped, or cosine:LIMIT,
langchain or redisvl: whose default threshold is read from the package that is installed. Near misses are questions
with one thing changed, so that their answer is another.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import sys
from collections.abc import Callable, Sequence

from bench.side import DATA, KEPT, QUICK, report
from near_misses import CHANGES, near_misses

PAIRS, MISSES = (2_000, 60) if QUICK else (6_500, 300)
CHANGED = ("negation", "number", "name")
GIVEN = KEPT / "judging.json"
"""The pairs that judge and the near misses, for the peers to judge the same."""

Judge = Callable[[str, str], bool]
Pair = tuple[str, str, bool]


def main(name: str) -> None:
    if name.startswith("ragstone"):
        asyncio.run(_ours(name))
        return
    given, limit = json.loads(GIVEN.read_text()), _limit(name)
    texts = [text for pair in (*given["pairs"], *given["missed"]) for text in pair[:2]]
    _said(given["pairs"], given["missed"], _cosine(limit, texts), f"a cosine of {limit:.2f} or more is a hit")


def _said(pairs: Sequence[Pair], missed: Sequence[tuple[str, str]], judge: Judge, *notes: str) -> None:
    hits = [(same, judge(first, second)) for first, second, same in pairs]
    right, wrong = (sum(hit for same, hit in hits if same is kind) for kind in (True, False))
    report(
        {
            "false hits": 100 * wrong / max(1, right + wrong),
            "found": 100 * right / sum(same for same, _ in hits),
            "taken": 100 * wrong / sum(not same for same, _ in hits),
            "near misses": 100 * sum(judge(*pair) for pair in missed) / len(missed),
        },
        *notes,
    )


# ── The peers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _limit(name: str) -> float:
    """The least cosine of a hit: their thresholds are distances."""
    if name == "redisvl":
        from redisvl.extensions.cache.llm import SemanticCache as Kind
    elif name == "langchain":
        from langchain_redis import RedisSemanticCache as Kind
    else:
        return float(name.removeprefix("cosine:"))
    return 1 - inspect.signature(Kind.__init__).parameters["distance_threshold"].default


def _cosine(limit: float, texts: Sequence[str]) -> Judge:
    import numpy as np

    from rows.frameworks.vectors import Kept

    vectors = Kept()
    vectors(texts)
    return lambda first, second: float(np.dot(*np.array(vectors([first, second])))) >= limit


# ── Ragstone ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _ours(name: str) -> None:
    """Deals the pairs into halves that share no question, and leaves the judging one for the peers."""
    from semantic import BOUND, halves

    from ragstone.caching.semantic.calibration import shipped
    from ragstone.caching.semantic.fitting import fit
    from ragstone.caching.semantic.verifier import Verifier
    from ragstone.connectors.openvino import OpenVINOEmbedder
    from ragstone.evaluation.pairs import embedded, paired, read_pairs
    from ragstone.types import Context

    rows = read_pairs(DATA / "paraphrase/qqp_pairs.jsonl")
    rows = random.Random(0).sample(rows, min(PAIRS, len(rows)))
    fitted = halves(rows, seed=0)
    judging: list[Pair] = [(r.text_a, r.text_b, r.same) for r, own in zip(rows, fitted, strict=True) if not own]
    embedder, texts = OpenVINOEmbedder(), sorted({first for first, _, _ in judging})
    missed = [pair for change in CHANGED for pair in near_misses(texts, change, most=MISSES)]
    GIVEN.write_text(json.dumps({"pairs": judging, "missed": missed}))
    every = [*(text for row in rows for text in (row.text_a, row.text_b)), *(text for pair in missed for text in pair)]
    asked = await embedded(list(dict.fromkeys(every)), embedder, context=Context())
    calibration = shipped()
    if name == "ragstone":
        pairs = [pair for pair, own in zip(paired(rows, asked), fitted, strict=True) if own]
        calibration = fit(pairs, embedder=embedder.fingerprint, bound=BOUND, on="half of the pairs", seed=0)
    verifier = Verifier(calibration)
    _said(judging, missed, lambda first, second: verifier.judge(asked[second], asked[first]).same)


assert set(CHANGED) <= set(CHANGES), CHANGES

if __name__ == "__main__":
    main(sys.argv[1])
