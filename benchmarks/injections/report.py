"""The tables: the mean and the worst of several divisions, and what the shipped weights do with what only judges."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from injections.data import Remembering, judges_only, lines, own, permitted, root
from injections.trials import CONTEXT, PLACES, judged, planted, trial
from ragstone.types import Context
from ragstone.validation.injection.detector import read_texts, scan
from ragstone.validation.injection.features import Read, shape
from ragstone.validation.injection.retrieved import judge_retrieved
from ragstone.validation.injection.weights import Weights, shipped

__all__ = ["Table", "tables"]

RUNS = 5


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the heads of its columns, and its rows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_text(self) -> str:
        """As Markdown."""
        head = [f"| {' | '.join(self.heads)} |", f"|{'---|' * len(self.heads)}"]
        return "\n".join([f"\n## {self.title}\n", *head, *(f"| {' | '.join(row)} |" for row in self.rows)])

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"title": self.title, "rows": [dict(zip(self.heads, row, strict=True)) for row in self.rows]}


async def tables(seeds: int, vectors: Path | None) -> list[Table]:
    """All of them."""
    embedder = Remembering(vectors)
    examples = permitted()
    read = await read_texts(examples.texts, embedder, context=Context())
    reads = {text: one for text, one in zip(examples.texts, read, strict=True) if one is not None}
    figures: dict[str, list[float]] = defaultdict(list)
    for seed in range(seeds):
        for name, value in (await trial(seed, examples.read(reads), reads, embedder)).items():
            figures[name].append(value)
    held = Table(
        f"Held out, {seeds} divisions: share that counts as an attack, percent",
        ("what", "mean", "worst"),
        tuple((name, f"{np.mean(values):.1f}", f"{_worst(name, values):.1f}") for name, values in figures.items()),
    )
    made = [held, await _judging(embedder), await _on_topic(embedder), await _code(embedder), await _time(embedder)]
    await embedder.close()
    return made


def _worst(name: str, values: list[float]) -> float:
    return min(values) if "attack" in name else max(values)


async def _judging(embedder: Remembering) -> Table:
    weights = shipped()
    rows: list[tuple[str, ...]] = []
    for name, texts in judges_only().items():
        share = await judged(texts, "user" if name.startswith("user") else "retrieved", weights, embedder)
        rows.append((name, str(len(texts)), f"{share:.1f}"))
    return Table(
        "Shipped weights on texts that only judge", ("what", "texts", "counts as an attack, percent"), tuple(rows)
    )


async def _on_topic(embedder: Remembering) -> Table:
    """Attacks of our own writing that fit the subject of their passage: no part of any training."""
    random, weights = Random(0), shipped()
    hits: dict[str, list[bool]] = defaultdict(list)
    clean: list[str] = []
    for row in own("on_topic"):
        clean.append(row["passage"])
        for place in PLACES:
            text, start, end = planted(row["passage"], row["attack"], place, random)
            (one,) = await scan([text], trust="retrieved", embedder=embedder, weights=weights, context=CONTEXT)
            hit = any(flaw.start < end and flaw.end > start for flaw in one.flaws)
            for label in ("all", f"language {row['lang']}", f"technique {row['technique']}"):
                hits[label].append(hit)
    rows = [
        (label, str(len(some) // len(PLACES)), f"{100 * np.mean(some):.0f}") for label, some in sorted(hits.items())
    ]
    touched = await judged(list(dict.fromkeys(clean)), "retrieved", weights, embedder)
    rows.append(("their passages without the attack", str(len(set(clean))), f"{touched:.0f}"))
    return Table("On-topic attacks of our own writing", ("what", "attacks", "found, percent"), tuple(rows))


async def _code(embedder: Remembering) -> Table:
    """BIPIA's attacks that bring code along, planted into its answers about code."""
    random, weights, bipia = Random(0), shipped(), root() / "injection" / "bipia"
    contexts = ["\n".join(row["context"]) for row in lines(bipia / "code.jsonl")]
    hits: list[bool] = []
    for row in lines(bipia / "code_attacks.jsonl"):
        text, start, end = planted(random.choice(contexts), row["attack"], random.choice(PLACES), random)
        (one,) = await scan([text], trust="retrieved", embedder=embedder, weights=weights, context=CONTEXT)
        hits.append(any(flaw.start < end and flaw.end > start for flaw in one.flaws))
    touched = await judged(contexts, "retrieved", weights, embedder)
    rows = (("code attacks found", f"{100 * np.mean(hits):.0f}"), ("clean code answers touched", f"{touched:.0f}"))
    return Table("Code, stated apart", ("what", "percent"), rows)


async def _time(embedder: Remembering) -> Table:
    """Milliseconds for a passage beside its vectors: pieces, rules, features and scores, the best of five runs."""
    passages = lines(root() / "retrieval" / "xquad" / "passages.jsonl")[::14]
    weights: Weights = shipped()
    texts = [row["text"] for row in passages]
    reads = await read_texts(texts, embedder, context=CONTEXT)
    spent = np.full((RUNS, len(texts)), np.inf)
    for run in range(RUNS):
        for at, (text, read) in enumerate(zip(texts, reads, strict=True)):
            assert read is not None
            begun = time.perf_counter()
            judge_retrieved(Read(shape(text), read.vectors), weights.retrieved)
            spent[run, at] = 1000 * (time.perf_counter() - begun)
    best = spent.min(axis=0)
    figures = (np.median(best), np.quantile(best, 0.95), best.mean())
    rows = (("XQuAD, twelve languages", str(len(texts)), *(f"{figure:.2f}" for figure in figures)),)
    return Table(
        "Time for a passage beyond its vectors", ("what", "passages", "median, ms", "95th percentile", "mean"), rows
    )
