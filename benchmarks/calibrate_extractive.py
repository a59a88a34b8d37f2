"""Fits what the extractive model's signals weigh, and its thresholds; writes connectors/extractive/calibration.json.

    python benchmarks/calibrate_extractive.py [--dry-run]

Every XQuAD question is put to an index of its language's passages, with the passage that answers it and without. Two
logistic regressions are fitted: `rank` on every sentence (does it hold the answer?), and `trust` on the best sentence
of each question (was the right passage there?). English is fitted alone, with vectors and without, and so is Chinese;
ten languages together give the weights of every other one. Each language has a threshold of its own: the share that it
refuses of the questions without their passage is 5 points above the share that it answers of those with it, since a
wrong answer costs more than none.

The printed figures are held out: articles are dealt into six parts, and each part is judged by what the others gave.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from extractive import XQUAD, data_folder, index, question_answering, without
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ragstone.connectors.extractive import judge as judging
from ragstone.connectors.extractive.calibration import Calibration, Line, Scale
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.types import Context

LEXICAL = {"rank": ("coverage", "context", "passage", "kind"), "trust": ("context", "passage")}
SEMANTIC = {"rank": ("context", "kind", "closeness", "words"), "trust": ("passage", "closeness", "words")}
SIGNALS = ("coverage", "context", "passage", "kind", "closeness", "words")
PARTS = 6
LEAN = 0.05
TARGET = Path(judging.__file__).with_name("calibration.json")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """One question put once: the signals of each sentence, which of them hold the answer, and whether any could."""

    signals: Numbers  # (sentences, signals)
    holds: NDArray[np.bool_]
    answerable: bool
    article: str


@dataclass(frozen=True)
class Judged:
    """What a fit says of one question: which sentences hold the answer, best first, and how far the best is trusted."""

    asked: Asked
    holds: NDArray[np.bool_]
    odds: float


@dataclass(frozen=True)
class Fitted:
    """The two logistic models of a scale."""

    rank: Line
    trust: Line

    def judge(self, asked: Asked) -> Judged:
        order = ranked(self.rank, asked)
        return Judged(asked, asked.holds[order], self.trust.log_odds(named(asked.signals[order[0]])))


def ranked(rank: Line, asked: Asked) -> NDArray[np.intp]:
    """The places of the sentences, best first."""
    return np.argsort([-rank.log_odds(named(row)) for row in asked.signals], kind="stable")


def named(row: Numbers) -> dict[str, float]:
    return dict(zip(SIGNALS, row.tolist(), strict=True))


async def gather(folder: Path, language: str, embedder: OpenVINOEmbedder) -> list[Asked]:
    """The signals of every question of a language, with its passage and without."""
    collection = question_answering(folder / "retrieval/xquad", language, language)
    rag = await index(collection.passages, embedder)
    nothing = Line(0.0, {})
    scale = Scale(rank=nothing, trust=nothing, threshold=0.0, vectors=language == "en")
    everything = Calibration(embedder=embedder.fingerprint, semantic={"en": scale}, lexical={"other": scale})
    found: list[Asked] = []
    for question in collection.questions:
        for where in ({}, without(question.passages)):
            hits = await rag.search(question.text, where=where)
            judged = await judging.judge(
                question.text, hits, embedder=embedder, calibration=everything, context=Context()
            )
            signals = np.array([[each.signals.get(name, 0.0) for name in SIGNALS] for each in judged])
            holds = [not where and any(answer in each.sentence.text for answer in question.answers) for each in judged]
            found.append(Asked(signals, np.array(holds), not where, question.group))
    return found


def fit(asked: Sequence[Asked], names: dict[str, tuple[str, ...]]) -> Fitted:
    signals = np.concatenate([each.signals for each in asked])
    rank = line(signals, np.concatenate([each.holds for each in asked]), names["rank"])
    # A question whose passage the search has missed teaches nothing of what a good passage looks like.
    found = [each for each in asked if each.holds.any() or not each.answerable]
    best = np.array([each.signals[ranked(rank, each)[0]] for each in found])
    return Fitted(rank, line(best, np.array([each.answerable for each in found]), names["trust"]))


def line(signals: Numbers, truth: NDArray[np.bool_], names: Sequence[str]) -> Line:
    """A logistic regression on some of the signals, its weights for the signals as they are."""
    columns = signals[:, [SIGNALS.index(name) for name in names]]
    scaler = StandardScaler().fit(columns)
    fitted = LogisticRegression(max_iter=2_000).fit(scaler.transform(columns), truth)
    weights = fitted.coef_[0] / scaler.scale_
    intercept = float(fitted.intercept_[0] - weights @ scaler.mean_)
    return Line(round(intercept, 3), {name: round(float(each), 3) for name, each in zip(names, weights, strict=True)})


def held_out(asked: Sequence[Asked], train: Callable[[set[str]], Fitted]) -> list[Judged]:
    """Each question as judged by a fit on other articles."""
    articles = sorted({each.article for each in asked})
    dealt = np.random.default_rng(0).permutation(len(articles)) % PARTS
    judged: list[Judged] = []
    for part in range(PARTS):
        left_out = {article for article, place in zip(articles, dealt, strict=True) if place == part}
        fitted = train(left_out)
        judged += [fitted.judge(each) for each in asked if each.article in left_out]
    return judged


def shares(judged: Sequence[Judged], limit: float) -> tuple[float, float]:
    """Answered of the answerable, refused of the others."""
    answered = [each.odds >= limit for each in judged if each.asked.answerable]
    refused = [each.odds < limit for each in judged if not each.asked.answerable]
    return sum(answered) / len(answered), sum(refused) / len(refused)


def threshold(judged: Sequence[Judged]) -> float:
    """The log-odds at which the share refused of the unanswerable is LEAN above that answered of the answerable."""

    def gap(limit: float) -> float:
        answered, refused = shares(judged, limit)
        return abs(refused - answered - LEAN)

    return min((each.odds for each in judged if each.asked.answerable), key=gap)


def show(name: str, judged: Sequence[Judged], limit: float) -> None:
    answerable = [each for each in judged if each.asked.answerable]
    contained = [np.mean([each.holds[:count].any() for each in answerable]) for count in (1, 2, 3)]
    columns = "".join(f"{share:9.1%}" for share in (*contained, *shares(judged, limit)))
    print(f"{name:20}{len(answerable):6}{columns}", flush=True)


def written(fitted: Fitted) -> dict[str, Any]:
    return {name: {"intercept": each.intercept, "weights": dict(each.weights)} for name, each in vars(fitted).items()}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the figures and write nothing")
    dry = parser.parse_args().dry_run
    folder, embedder = data_folder(), OpenVINOEmbedder()
    asked = {language: await gather(folder, language, embedder) for language in XQUAD}
    print(f"{'held out':20}{'n':>6}" + "".join(f"{head:>9}" for head in ("1", "2", "3", "answered", "refused")))
    weights: dict[str, Any] = {}

    def scales(name: str, languages: Sequence[str], names: dict[str, tuple[str, ...]]) -> dict[str, Any]:
        """Fits weights on some languages, and gives each its threshold; "" stands for all of them together."""
        pooled = [each for language in languages for each in asked[language]]

        def train(left_out: set[str]) -> Fitted:
            return fit([each for each in pooled if each.article not in left_out], names)

        weights[name] = written(fit(pooled, names))
        entries: dict[str, Any] = {}
        for language in (*languages, ""):
            judged = held_out(asked.get(language, pooled), train)
            limit = threshold(judged)
            entries[language] = {"weights": name, "threshold": round(float(1 / (1 + np.exp(-limit))), 4)}
            if language:
                show(f"{name} {language}", judged, limit)
        return entries

    vectors = scales("vectors", ["en"], SEMANTIC)
    chinese = scales("chinese", ["zh"], LEXICAL)
    english = scales("english", ["en"], LEXICAL)
    others = scales("others", [each for each in XQUAD if each not in ("en", "zh")], LEXICAL)
    lexical = {"en": english["en"], "zh": chinese["zh"]}
    lexical["ja"] = chinese["zh"]  # analysed alike, and in no set that is at hand
    lexical |= {language or "other": entry for language, entry in others.items()}
    if not dry:
        data = {
            "embedder": embedder.fingerprint,
            "weights": weights,
            "semantic": {"en": vectors["en"]},
            "lexical": lexical,
        }
        TARGET.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        print(f"Wrote {TARGET.name}.")


if __name__ == "__main__":
    asyncio.run(main())
