"""How well the check `grounding` tells sentences that their passage supports from those that it does not.

    python benchmarks/safety.py grounding [--limit 600] [--plot confidence.png]

Sentences are made from public questions (samples.py beside this file says how). Articles are dealt into two halves: the
scales of validation/grounding/support.py are fitted on one and judged on the other, and so is the whole check; CMRC is
judged alone. "flagged" is the share of a kind that fails, by any label and by each. A label's precision is the share
of its flags that fall on false sentences; "AUC" is that of the probability of support against true claims.

Last, answers of five sentences of the judged half are put together at random, and the confidence of each is compared
with the share that is truly supported.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from extractive import data_folder
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.plots.confidence import Bin, binned, calibration_error, drawn
from ragstone.protocols import Embedder
from ragstone.types import Chunk, Context, Hit
from ragstone.validation.grounding import support
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.grounding.claims import Claim
from ragstone.validation.grounding.passages import Coverage, Passages
from ragstone.validation.policy import Guard
from ragstone.validation.screening import Screening
from ragstone.verdicts import Subject
from ragstone.wrapped import WrappedEmbedder
from safeguards.samples import FALSE, TRUE, Sample, from_paraphrases, from_questions, from_rgb

LABELS = ("number", "name", "quote", "unsupported")
WIDTHS = {label: max(8, len(label) + 2) for label in LABELS}
UNTOLD = ("number", "date", "name", "negation")  # whose words are those of the passage but for one
UNFITTED = (*UNTOLD, "answer")
PENALTY = 1.0
SENTENCES, ANSWERS = 5, 400  # of one made-up answer, and how many there are


@dataclass(frozen=True)
class Judged:
    """What came of a sentence: its features, how likely it is supported, and the labels of what is wrong with it."""

    sample: Sample
    coverage: Coverage
    cosine: float
    probability: float
    labels: frozenset[str]


class Remembering(WrappedEmbedder):
    """Embeds each text once: a passage stands beside a dozen sentences."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self._known: dict[str, Any] = {}

    async def embed(self, texts: Sequence[str], *, context: Context, ids: Any = None) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, await self.embedder.embed(new, context=context), strict=True))
        return np.array([self._known[text] for text in texts])

    async def embed_once(self, texts: Sequence[str], *, context: Context) -> Any:
        return await self.embed(texts, context=context)


def hit(text: str, number: int = 1) -> Hit:
    name = str(number)
    chunk = Chunk(id=name, document_id=name, uri=name, title="", text=text, start=0, end=len(text), line=1)
    return Hit(chunk, number, {})


async def judged(samples: Sequence[Sample], embedder: Embedder) -> list[Judged]:
    """Each sentence beside the passage that it cites."""
    found: list[Judged] = []
    context = Context()
    for sample in samples:
        passages = Passages([hit(sample.passage)])
        ((_, coverage),) = passages.coverage(sample.text, [0])
        claim = Claim(sample.text, 0, len(sample.text), ("1",), sample.language)
        reads = embedder.languages is None or sample.language in embedder.languages
        judge = support.Support(passages, embedder)
        cosine = await judge.cosine(claim, 0, coverage, context=context) if reads else 0.0
        supported = await judge.judge(claim, [0], context=context)
        finding = await GroundingCheck(embedder).check(
            Subject(text=f"{sample.text} [1]", stage="output", hits=[hit(sample.passage)]), context=context
        )
        labels = frozenset(flaw.label for flaw in finding.flaws)
        found.append(Judged(sample, coverage, cosine, supported.probability if supported else 0.5, labels))
    return found


# ── Fitting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def halves(every: Sequence[Judged]) -> tuple[list[Judged], list[Judged]]:
    """Those that are fitted on and those that are judged, article by article."""
    articles = sorted({one.sample.article for one in every})
    first = set(articles[::2])
    return (
        [one for one in every if one.sample.article in first],
        [one for one in every if one.sample.article not in first],
    )


def fitted(every: Sequence[Judged], *, vectors: bool) -> support.Scale:
    """A logistic regression on true sentences and on those whose words tell that they are false."""
    kept = [one for one in every if one.sample.kind not in UNFITTED]
    columns = np.array([features(one, vectors=vectors) for one in kept])
    truth = np.array([one.sample.supported for one in kept])
    fit = LogisticRegression(C=1 / PENALTY, class_weight="balanced", max_iter=2_000).fit(columns, truth)
    weights = [round(float(each), 2) for each in fit.coef_[0]]
    names = ("near", "passage", "cosine")[: len(weights)]
    return support.Scale(round(float(fit.intercept_[0]), 2), **dict(zip(names, weights, strict=True)))


def features(one: Judged, *, vectors: bool) -> list[float]:
    return [one.coverage.near, one.coverage.passage, *([one.cosine] if vectors else [])]


def show_fit(name: str, shipped: support.Scale, found: support.Scale) -> None:
    print(f"{name:10} {found}", flush=True)
    if shipped != found:
        print(f"{'  shipped':10} {shipped}", flush=True)


# ── Figures ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def show(name: str, every: Sequence[Judged]) -> None:
    """One table: the kinds of sentences down, what is flagged across; then each label's precision."""
    heads = "".join(f"{label:>{WIDTHS[label]}}" for label in LABELS)
    print(f"\n{name:16}{'n':>5}{'flagged':>9}{heads}{'AUC':>8}")
    claims = [one for one in every if one.sample.kind in ("claim", "paraphrase")]
    for kind in (*TRUE, *FALSE):
        mine = [one for one in every if one.sample.kind == kind]
        if not mine:
            continue
        shares = [share([label in one.labels for one in mine]) for label in LABELS]
        area = "" if kind in TRUE or kind in UNTOLD else f"{auc(claims, mine):8.3f}"
        columns = "".join(f"{each:{WIDTHS[label]}.1%}" for label, each in zip(LABELS, shares, strict=True))
        print(f"{kind:16}{len(mine):5}{share([bool(one.labels) for one in mine]):9.1%}{columns}{area}", flush=True)
    flags = {label: [not one.sample.supported for one in every if label in one.labels] for label in LABELS}
    said = (f"{share(found):.1%}" if found else "" for found in flags.values())
    print(f"{'precision':30}" + "".join(f"{each:>{WIDTHS[label]}}" for label, each in zip(LABELS, said, strict=True)))


def share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0


def auc(true: Sequence[Judged], false: Sequence[Judged]) -> float:
    labels = [1] * len(true) + [0] * len(false)
    return float(roc_auc_score(labels, [one.probability for one in (*true, *false)])) if true and false else 0.0


# ── Confidence ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def confidences(every: Sequence[Judged], embedder: Embedder, *, seed: int = 0) -> list[tuple[float, float]]:
    """Answers of sentences that each cite their passage: the confidence of each, and the share that is supported.

    How many are true is drawn evenly from none to all; kinds are drawn evenly, too.
    """
    chance = random.Random(seed)
    by_kind: dict[str, list[Sample]] = {}
    for one in every:
        by_kind.setdefault(one.sample.kind, []).append(one.sample)
    kinds = {wanted: [kind for kind in names if kind in by_kind] for wanted, names in ((True, TRUE), (False, FALSE))}
    guard = Guard(name="grounding", check=GroundingCheck(embedder))
    found: list[tuple[float, float]] = []
    for _ in range(ANSWERS):
        count = chance.randint(0, SENTENCES)
        wanted = [True] * count + [False] * (SENTENCES - count)
        chance.shuffle(wanted)
        samples = [chance.choice(by_kind[chance.choice(kinds[each])]) for each in wanted]
        hits = [hit(sample.passage, number) for number, sample in enumerate(samples, 1)]
        text = "".join(f"{sample.text} [{number}]\n\n" for number, sample in enumerate(samples, 1))
        screening = Screening([guard], Subject(text="", stage="output", hits=hits), context=Context())
        await screening.feed(text)
        (verdict,) = (await screening.finish()).verdicts
        if verdict.score is not None:
            found.append((1 - verdict.score, count / SENTENCES))
    return found


# ── All of it ────────────────────────────────────────────────────────────────────────────────────────────────────────


def samples_of(folder: Path, language: str, limit: int) -> list[Sample]:
    found = [*from_questions(folder / "retrieval/xquad", language, limit=limit)]
    if language in ("en", "zh"):
        found += from_rgb(folder / f"rag_robustness/rgb/{language}_fact.jsonl", language)
    if language == "en":
        found += from_paraphrases(folder / "paraphrase/ml_paraphrases.jsonl")
    return found


def main(arguments: Sequence[str]) -> int:
    """Prints all of it."""
    parser = argparse.ArgumentParser(
        "safety.py grounding", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=600, help="questions of each collection")
    parser.add_argument("--plot", type=Path, help="draw confidence against truth")
    given = parser.parse_args(arguments)
    bins = asyncio.run(printed(given.limit))
    if given.plot:
        canvas = drawn(bins, title="Confidence of an answer, and what is true of it")
        given.plot.write_bytes(canvas.png() if given.plot.suffix == ".png" else canvas.svg().encode())
    return 0


async def printed(limit: int) -> dict[str, list[Bin]]:
    """Prints the tables, and gives the bins of confidence by language."""
    folder, embedder = data_folder(), Remembering(OpenVINOEmbedder())
    parts = {
        language: halves(await judged(samples_of(folder, language, limit), embedder)) for language in ("en", "de", "zh")
    }
    show_fit("SEMANTIC", support.SEMANTIC, fitted(parts["en"][0], vectors=True))
    show_fit("LEXICAL", support.LEXICAL, fitted([*parts["en"][0], *parts["de"][0]], vectors=False))
    show_fit("SPACELESS", support.SPACELESS, fitted(parts["zh"][0], vectors=False))
    for language, (_, rest) in parts.items():
        show(f"{language}, judged half", rest)
    cmrc = await judged(list(from_questions(folder / "retrieval/cmrc2018", "zh", limit=limit)), embedder)
    show("CMRC (zh)", cmrc)
    bins = {language: binned(await confidences(parts[language][1], embedder)) for language in ("en", "zh")}
    print()
    for language, found in bins.items():
        print(f"confidence, {language}: expected calibration error {calibration_error(found):.3f}")
        for one in found:
            print(f"  said {one.confidence:5.1%}  true {one.true:5.1%} [{one.low:.0%}–{one.high:.0%}]  n {one.count}")
    return bins
