"""How well the semantic cache tells questions apart: by part, near misses, a whole population, and time.

    python benchmarks/semantic.py [--quick] [--seeds 5] [--plot semantic.svg]

The Quora pairs of the shared data are dealt into two halves that share no question; one calibrates, the other judges.
"shipped" is what comes with Ragstone, which no Quora pair took part in. Near misses are made by near_misses.py, which
knows nothing of the vetoes. In the population test 5,000 questions are stored and others asked: the nearest of all is
judged. Data: the folder that RAGSTONE_DATA names, by default ../shared/data beside the repository.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from extractive import data_folder
from near_misses import CHANGES, near_misses

from ragstone.caching.semantic.calibration import Calibration, shipped
from ragstone.caching.semantic.features import compared
from ragstone.caching.semantic.fitting import Pair, fit, groups
from ragstone.caching.semantic.questions import Asked
from ragstone.caching.semantic.reading import language_of, read
from ragstone.caching.semantic.verifier import Verifier
from ragstone.caching.semantic.vetoes import VETOES
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.pairs import Labelled, embedded, measured, paired, read_pairs
from ragstone.evaluation.plots.pairs import drawn
from ragstone.types import Context

BOUND = 0.05
QUICK, MISSES, STORED = 1_500, 1_000, 5_000


@dataclass(frozen=True)
class Judged:
    """A pair of the judging half: its label, cosine, the vetoes that refuse it, and the model's score."""

    same: bool
    cosine: float
    vetoes: frozenset[str]
    score: float


def halves(rows: Sequence[Labelled], seed: int) -> list[bool]:
    """For each pair whether it calibrates; pairs that share a question are of one half."""
    numbered = groups([(row.text_a, row.text_b) for row in rows])
    chosen = np.random.default_rng(seed).permutation(max(numbered) + 1) % 2 == 0
    return [bool(chosen[number]) for number in numbered]


def taken_apart(pair: Pair, calibration: Calibration) -> Judged:
    language = language_of(pair.first.text, pair.second.text)
    here, there = read(pair.first.text, language), read(pair.second.text, language)
    found = compared(pair.first, pair.second, here, there, calibration.weights_of_stems())
    scale = (calibration.with_tokens if found.tokens is not None else None) or calibration.without_tokens
    vetoes = frozenset(name for name, veto in VETOES.items() if veto(here, there))
    return Judged(pair.same, float(found.words[0]), vetoes, scale.score(found) - scale.threshold)


def parts() -> dict[str, Callable[[Judged], bool]]:
    found: dict[str, Callable[[Judged], bool]] = {
        f"cosine ≥ {limit}": lambda one, limit=limit: one.cosine >= limit for limit in (0.95, 0.9, 0.85)
    }
    for name in VETOES:
        found[f"cosine ≥ 0.9, {name}"] = lambda one, name=name: one.cosine >= 0.9 and name not in one.vetoes
    return found | {
        "cosine ≥ 0.9, all vetoes": lambda one: one.cosine >= 0.9 and not one.vetoes,
        "vetoes alone": lambda one: not one.vetoes,
        "model alone": lambda one: one.score >= 0,
        "vetoes and model": lambda one: one.score >= 0 and not one.vetoes,
    }


def show_parts(each: Sequence[Sequence[Judged]]) -> None:
    print(f"\n{'part (mean of the seeds)':28}{'found':>8}{'taken':>8}")
    for name, accept in parts().items():
        shares = [
            [np.mean([accept(one) for one in half if one.same == same]) for same in (True, False)] for half in each
        ]
        right, wrong = np.mean(shares, axis=0)
        print(f"{name:28}{right:8.1%}{wrong:8.1%}")


async def show_misses(
    texts: Sequence[str], embedder: OpenVINOEmbedder, verifiers: dict[str, Verifier], most: int
) -> None:
    print(f"\n{'near misses accepted':20}{'n':>6}{'cosine ≥ 0.9':>14}" + "".join(f"{name:>12}" for name in verifiers))
    for change in CHANGES:
        pairs = near_misses(texts, change, most=most)
        asked = await embedded([text for pair in pairs for text in pair], embedder, context=Context())
        near = np.mean([float(asked[one].vector @ asked[other].vector) >= 0.9 for one, other in pairs])
        shares = [
            np.mean([verifier.judge(asked[other], asked[one]).same for one, other in pairs])
            for verifier in verifiers.values()
        ]
        print(f"{change:20}{len(pairs):6}{near:14.1%}" + "".join(f"{share:12.1%}" for share in shares), flush=True)


def show_population(rows: Sequence[Labelled], asked: dict[str, Asked], verifiers: dict[str, Verifier]) -> None:
    lot = np.random.default_rng(0)
    stored = [str(text) for text in lot.permutation(sorted({row.text_a for row in rows}))[:STORED]]
    held = set(stored)
    twins = {row.text_b: row.text_a for row in rows if row.same and row.text_a in held and row.text_b not in held}
    others = sorted({row.text_b for row in rows if not row.same} - held - set(twins))
    matrix = np.array([asked[text].vector for text in stored])
    print(f"\n{len(stored):,} stored; {len(twins):,} asked with a twin among them, {len(others):,} without")
    print(f"{'':12}{'its twin':>10}{'another':>10}{'hit without a twin':>20}")
    for name, verifier in verifiers.items():
        nearest = {text: stored[int(np.argmax(matrix @ asked[text].vector))] for text in (*twins, *others)}
        hit = {text: verifier.judge(asked[text], asked[near]).same for text, near in nearest.items()}
        own = np.mean([hit[text] and nearest[text] == twin for text, twin in twins.items()])
        another = np.mean([hit[text] and nearest[text] != twin for text, twin in twins.items()])
        print(f"{name:12}{own:10.1%}{another:10.1%}{np.mean([hit[text] for text in others]):20.1%}")


def show_time(pairs: Sequence[Pair], verifier: Verifier) -> None:
    near = [pair for pair in pairs if float(pair.first.vector @ pair.second.vector) >= verifier.near][:2_000]
    seconds: list[float] = []
    for _ in ("words read for the first time", "words that were read before"):
        read.cache_clear() if not seconds else None
        start = time.perf_counter()
        for pair in near:
            verifier.judge(pair.second, pair.first)
        seconds.append((time.perf_counter() - start) / len(near))
    first, again = (1e3 * each for each in seconds)
    print(f"\nA judgement takes {first:.2f} ms, {again:.2f} ms where both questions were read before.")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} pairs, one seed; less than a minute")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--plot", type=Path, metavar="FILE.svg|png")
    options = parser.parse_args()
    rows = read_pairs(data_folder() / "paraphrase/qqp_pairs.jsonl")
    if options.quick:
        rows = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))[:QUICK]]
    embedder = OpenVINOEmbedder()
    asked = await embedded([text for row in rows for text in (row.text_a, row.text_b)], embedder, context=Context())
    pairs = paired(rows, asked)
    print(f"{'seed':>6}{'found':>8}{'taken':>8}{'false hits':>12}   shipped:{'found':>8}{'taken':>8}{'threshold':>11}")
    taken: list[list[Judged]] = []
    calibration = shipped()
    for seed in range(1 if options.quick else options.seeds):
        sides = halves(rows, seed)
        judging = [pair for pair, fitted in zip(pairs, sides, strict=True) if not fitted]
        given = [pair for pair, fitted in zip(pairs, sides, strict=True) if fitted]
        calibration = fit(given, embedder=embedder.fingerprint, bound=BOUND, on="half of the Quora pairs", seed=seed)
        own, others = measured(judging, calibration), measured(judging, shipped())
        print(
            f"{seed:6}{own.found:8.1%}{own.false_positive_rate:8.1%}{own.false_hits:12.1%}   "
            f"        {others.found:8.1%}{others.false_positive_rate:8.1%}{own.threshold:11.4f}",
            flush=True,
        )
        taken.append([taken_apart(pair, calibration) for pair in judging])
        if options.plot is not None and seed == 0:
            canvas = drawn(own, title="Quora pairs, the half that judges", bound=BOUND)
            options.plot.write_bytes(canvas.png() if options.plot.suffix == ".png" else canvas.svg().encode())
    show_parts(taken)
    verifiers = {"calibrated": Verifier(calibration), "shipped": Verifier(shipped())}
    texts = sorted({row.text_a for row in rows})
    await show_misses(texts, embedder, verifiers, MISSES // 5 if options.quick else MISSES)
    show_population(rows, asked, verifiers)
    show_time(pairs, verifiers["calibrated"])


if __name__ == "__main__":
    asyncio.run(main())
