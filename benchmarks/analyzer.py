"""What the analyzer is worth: BM25 alone on public collections, with and without stop words, and speeds.

    RAGSTONE_DATA=../shared/data python benchmarks/analyzer.py

nDCG@10 × 100 with linear gain for the collections with judged documents; for questions about passages, how often the
right passage comes first, in %. The data is read in place and described in its own README.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone.connectors.tantivy import TantivyIndex
from ragstone.text.analyzer import query_terms, terms
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.text.stopwords import STOPWORDS
from ragstone.types import Chunk, Context, Entry

DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "retrieval"
JUDGED = ("cranfield", "cisi", "npl", "adi")
LANGUAGES = ("en", "zh", "de", "es", "ro", "ru", "tr", "vi", "ar", "el", "hi", "th")
CONTEXT = Context()


@dataclass(frozen=True)
class Collection:
    """Texts by id, questions by id, and for each question the gain of each relevant text."""

    language: str
    texts: Mapping[str, str]
    questions: Mapping[str, str]
    gains: Mapping[str, Mapping[str, float]]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def judged(name: str) -> Collection:
    """A collection in the BEIR layout; the title stands twice, as half of what a document is about."""
    folder = DATA / name
    gains: dict[str, dict[str, float]] = defaultdict(dict)
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, text, gain = line.split("\t")
        if float(gain) > 0:
            gains[question][text] = float(gain)
    texts = {row["_id"]: "\n".join((row["title"], row["title"], row["text"])) for row in rows(folder / "corpus.jsonl")}
    questions = {row["_id"]: row["text"] for row in rows(folder / "queries.jsonl") if row["_id"] in gains}
    return Collection("en", texts, questions, gains)


def passages(name: str, language: str) -> Collection:
    found = [row for row in rows(DATA / name / "passages.jsonl") if row["lang"] == language]
    texts = {row["id"]: f"{row.get('title', '')}\n{row['text']}" for row in found}
    asked = [row for row in rows(DATA / name / "questions.jsonl") if row["lang"] == language]
    questions = {row["id"]: row["question"] for row in asked}
    return Collection(language, texts, questions, {row["id"]: {row["passage_id"]: 1.0} for row in asked})


def ndcg(found: Sequence[str], gains: Mapping[str, float]) -> float:
    def discounted(values: Sequence[float]) -> float:
        return sum(value / math.log2(rank + 2) for rank, value in enumerate(values[:10]))

    return discounted([gains.get(name, 0.0) for name in found]) / discounted(sorted(gains.values(), reverse=True))


def first(found: Sequence[str], gains: Mapping[str, float]) -> float:
    return float(bool(found) and found[0] in gains)


def chunk(name: str) -> Chunk:
    return Chunk(id=name, document_id=name, uri=name, title="", text="", start=0, end=0, line=1)


async def score(collection: Collection, measure: Callable[[Sequence[str], Mapping[str, float]], float]) -> list[float]:
    """The mean over the questions × 100, with stop words dropped and kept."""
    index, language = TantivyIndex(), collection.language
    entries = [Entry(chunk(name), terms(text, language=language)) for name, text in collection.texts.items()]
    await index.upsert(entries, context=CONTEXT)
    means: list[float] = []
    for ask in (lambda text: query_terms(text, languages=[language]), lambda text: terms(text, language=language)):
        scores = [
            measure([hit.id for hit in await index.search(ask(text), k=10, context=CONTEXT)], collection.gains[name])
            for name, text in collection.questions.items()
        ]
        means.append(100 * sum(scores) / len(scores))
    return means


async def quality() -> None:
    print(f"{'':24}{'BM25':>8}{'with stop words':>18}")
    means: list[list[float]] = []
    for name in JUDGED:
        means.append(await score(judged(name), ndcg))
        print(f"{name + ' nDCG@10':24}{means[-1][0]:8.1f}{means[-1][1]:18.1f}", flush=True)
    kept, whole = (sum(each) / len(JUDGED) for each in zip(*means, strict=True))
    print(f"{'mean':24}{kept:8.1f}{whole:18.1f}")
    for name, language in [("cmrc2018", "zh"), *(("xquad", language) for language in LANGUAGES)]:
        kept, whole = await score(passages(name, language), first)
        print(f"{f'{name} {language} hit@1':24}{kept:8.1f}{whole:18.1f}", flush=True)


def speeds() -> None:
    """Megabytes of UTF-8 a second of one core by its own clock, once the common words were met."""
    english = (DATA / "chunking_eval" / "corpora" / "finance.md").read_text(encoding="utf-8")
    chinese = "\n".join(row["text"] for row in rows(DATA / "crud_news_zh" / "distractors.jsonl")[:500])
    print(f"\n{'MB/s':24}{'English':>8}{'Chinese':>18}")
    works: list[tuple[str, Callable[[str, str], Any]]] = [
        ("terms", lambda text, language: terms(text, language=language)),
        ("sentences", lambda text, language: sentences(text)),
    ]
    for name, work in works:
        print(f"{name:24}{speed(work, english, 'en'):8.1f}{speed(work, chinese, 'zh'):18.1f}")
    questions = [row["question"] for row in rows(DATA / "xquad" / "questions.jsonl")]
    begun = time.process_time()
    for question in questions:
        detect(question)
    print(f"{'detect, ms a question':24}{1000 * (time.process_time() - begun) / len(questions):8.2f}")


def speed(work: Callable[[str, str], Any], text: str, language: str) -> float:
    seconds: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        work(text, language)
        seconds.append(time.process_time() - begun)
    return len(text.encode()) / min(seconds) / 1e6


def main() -> int:
    if not DATA.is_dir():
        print(f"There is no folder {DATA}. Set RAGSTONE_DATA.", file=sys.stderr)
        return 2
    print(f"{sum(map(len, STOPWORDS.values()))} stop words in {len(STOPWORDS)} languages\n")
    asyncio.run(quality())
    speeds()
    return 0


if __name__ == "__main__":
    sys.exit(main())
