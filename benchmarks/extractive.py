"""How often the extractive model quotes the answer, and how often it rightly says that there is none.

    python benchmarks/extractive.py [--languages en,zh] [--limit 100]

Every question is put twice to an index of one language's passages: with the passage that answers it, and without it.
"1", "2", "3" are the shares of questions whose answer stands in the first one, two, three sentences, abstaining
switched off; "answered" and "refused" are the shares with and without the right passage. Each has a 95 % interval from
a bootstrap over articles. Data: the folder that RAGSTONE_DATA names, by default ../shared/data beside the repository.

XQuAD was also used to fit the model (benchmarks/calibrate_extractive.py prints held-out figures); chunking_eval, CMRC
and RGB were not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import ragstone
from ragstone.connectors.extractive import ExtractiveModel
from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.evaluation.abstaining import spread
from ragstone.protocols import Embedder
from ragstone.testing import MemorySource
from ragstone.types import Completion, Context, Prompt

XQUAD = ("en", "zh", "de", "es", "ro", "ru", "el", "tr", "vi", "ar", "hi", "th")
ALWAYS = 1e-9  # a threshold that lets every answer through
SMALL = (1, 3, 10)  # passages in a small index
EVERY = 4  # of the English questions go to small indexes
RESAMPLES = 1_000


@dataclass(frozen=True)
class Question:
    """A question, the passages that answer it, and the strings that do; `group` is the unit of the bootstrap."""

    text: str
    passages: tuple[str, ...]
    answers: tuple[str, ...]
    group: str

    def answered_by(self, sentence: str) -> bool:
        """Whether the answer stands in the sentence; a long answer may also be what the sentence is a part of."""
        return any(answer in sentence or sentence in answer for answer in self.answers)


@dataclass(frozen=True)
class Collection:
    """Passages by id, and questions to them."""

    name: str
    passages: Mapping[str, str]
    questions: Sequence[Question]


@dataclass
class Row:
    """What came of one collection's questions: 1 or 0 by measure, with the group of each."""

    name: str
    values: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    def add(self, measure: str, value: bool, group: str) -> None:
        self.values.setdefault(measure, []).append((float(value), group))

    def shown(self, measure: str) -> str:
        if measure not in self.values:
            return ""
        low, high = interval(self.values[measure])
        return f"{mean(self.values[measure]):.1%} [{low:.0%}–{high:.0%}]"


class Bench:
    """One index, the model as it ships, and the same model with abstaining switched off."""

    def __init__(self, rag: ragstone.AsyncRag, embedder: Embedder) -> None:
        self.rag = rag
        self.model = ExtractiveModel(embedder)
        self.outright = ExtractiveModel(embedder, threshold=ALWAYS)

    async def prompt(self, question: str, where: Mapping[str, Any] | None = None) -> Prompt:
        """The prompt over the passages that the search finds."""
        return await self.rag.explain(question, where=where)

    async def abstains(self, question: str, where: Mapping[str, Any]) -> bool:
        """Whether the model says that these passages hold no answer."""
        return (await self.model.generate(await self.prompt(question, where), context=Context())).abstained


def sentences_of(completion: Completion) -> list[str]:
    """The quoted sentences, without their markers."""
    return re.split(r" \[\d+\](?:\n|$)", completion.text)[:-1]


def without(passages: Sequence[str]) -> dict[str, Any]:
    return {"uri": {"$nin": [f"{passage}.txt" for passage in passages]}}


def among(passages: Iterable[str]) -> dict[str, Any]:
    return {"uri": {"$in": [f"{passage}.txt" for passage in passages]}}


async def measure(bench: Bench, collection: Collection) -> Row:
    """Every question with and without its passage."""
    row = Row(collection.name)
    for question in collection.questions:
        prompt = await bench.prompt(question.text)
        row.add("answered", not (await bench.model.generate(prompt, context=Context())).abstained, question.group)
        row.add("refused", await bench.abstains(question.text, without(question.passages)), question.group)
        said = sentences_of(await bench.outright.generate(prompt, context=Context()))
        for count in (1, 2, 3):
            row.add(str(count), any(map(question.answered_by, said[:count])), question.group)
    return row


async def measure_small(bench: Bench, collection: Collection, size: int) -> Row:
    """The same in an index of a few passages chosen at random, with or without the right one."""
    row, chance = Row(f"{collection.name}, {size} passage{'s' * (size > 1)}"), np.random.default_rng(size)
    for question in collection.questions[::EVERY]:
        others = [passage for passage in collection.passages if passage not in question.passages]
        chosen = [others[index] for index in chance.choice(len(others), size, replace=False)]
        answerable = among([*question.passages, *chosen[1:]])
        row.add("answered", not await bench.abstains(question.text, answerable), question.group)
        row.add("refused", await bench.abstains(question.text, among(chosen)), question.group)
    return row


async def measure_rgb(bench: Bench, records: Sequence[Mapping[str, Any]], name: str) -> Row:
    """Snippets on the topic that hold the answer and some that do not; then the latter alone."""
    row = Row(name)
    for record in records:
        good, bad = (
            [f"{record['key']}-{kind}-{place}" for place in range(len(record[kind]))]
            for kind in ("positive", "negative")
        )
        if good and bad:
            row.add("answered", not await bench.abstains(record["query"], among([*good, *bad])), record["key"])
            row.add("refused", await bench.abstains(record["query"], among(bad)), record["key"])
    return row


# ── Data ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def data_folder() -> Path:
    """Where the public data lies. Ends the program when it is not there."""
    folder = Path(os.environ.get("RAGSTONE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not (folder / "retrieval" / "xquad").is_dir():
        sys.exit(f"{folder} holds no retrieval/xquad. Set RAGSTONE_DATA to the folder of the evaluation data.")
    return folder


def records(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def question_answering(folder: Path, name: str, language: str | None = None) -> Collection:
    """XQuAD or CMRC. Of XQuAD one language; articles are numbered alike in all of them."""
    passages = [each for each in records(folder / "passages.jsonl") if language in (None, each["lang"])]
    groups = {each["id"]: str(each.get("article", each["id"])) for each in passages}
    questions = [
        Question(
            each["question"],
            (each["passage_id"],),
            tuple(a["text"] for a in each["answers"]),
            groups[each["passage_id"]],
        )
        for each in records(folder / "questions.jsonl")
        if each["passage_id"] in groups and each["question"].strip()
    ]
    return Collection(name, {each["id"]: each["text"] for each in passages}, questions)


def chunking(folder: Path) -> Collection:
    """Three long English documents and questions to each."""
    documents = {path.stem: path.read_text(encoding="utf-8") for path in sorted((folder / "corpora").glob("*.md"))}
    questions = [
        Question(
            each["question"],
            (each["corpus_id"],),
            tuple(reference["content"] for reference in each["references"]),
            each["question"],
        )
        for each in records(folder / "questions.jsonl")
        if each["corpus_id"] in documents
    ]
    return Collection("chunking_eval (en)", documents, questions)


def snippets(path: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """RGB: each snippet as a passage, and the records with a key of their own."""
    passages: dict[str, str] = {}
    found = [{**record, "key": f"{path.stem}-{record['id']}"} for record in records(path)]
    for record in found:
        for kind in ("positive", "negative"):
            passages |= {f"{record['key']}-{kind}-{n}": text for n, text in enumerate(record[kind])}
    return passages, found


# ── Output ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mean(values: Sequence[tuple[float, str]]) -> float:
    return sum(value for value, _ in values) / len(values)


def interval(values: Sequence[tuple[float, str]]) -> tuple[float, float]:
    """The 95 % interval of the mean, by resampling whole groups."""
    groups: dict[str, list[float]] = {}
    for value, group in values:
        groups.setdefault(group, []).append(value)
    sums = np.array([sum(group) for group in groups.values()])
    counts = np.array([len(group) for group in groups.values()])
    drawn = np.random.default_rng(0).integers(0, len(groups), (RESAMPLES, len(groups)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def show(row: Row) -> None:
    measures = ("1", "2", "3", "answered", "refused")
    print(
        f"{row.name:24}{len(row.values['answered']):6} " + "".join(f"{row.shown(name):>18}" for name in measures),
        flush=True,
    )


async def index(passages: Mapping[str, str], embedder: Embedder) -> ragstone.AsyncRag:
    """The pipeline as it is without a project folder, over these passages."""
    source = MemorySource({f"{passage}.txt": text for passage, text in passages.items()})
    rag = ragstone.AsyncRag(sources=[source], embedder=embedder)
    await rag.ingest()
    return rag


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="questions of each collection")
    parser.add_argument(
        "--languages", default=",".join(XQUAD), help="of XQuAD; en adds the other English sets, zh CMRC"
    )
    arguments = parser.parse_args()
    folder, embedder = data_folder(), OpenVINOEmbedder()
    languages, limit = arguments.languages.split(","), arguments.limit
    print(f"{'':30} " + "".join(f"{head:>18}" for head in ("1", "2", "3", "answered", "refused")))
    for language in languages:
        collection = limited(question_answering(folder / "retrieval/xquad", f"XQuAD {language}", language), limit)
        bench = Bench(await index(collection.passages, embedder), embedder)
        show(await measure(bench, collection))
        if language == "en":
            for size in SMALL:
                show(await measure_small(bench, collection, size))
    others = [chunking(folder / "retrieval/chunking_eval")] if "en" in languages else []
    others += [question_answering(folder / "retrieval/cmrc2018", "CMRC (zh)")] if "zh" in languages else []
    for collection in others:
        show(await measure(Bench(await index(collection.passages, embedder), embedder), limited(collection, limit)))
    for path in sorted((folder / "rag_robustness/rgb").glob("*_[fr]*.jsonl")):
        if path.stem[:2] in languages:
            passages, found = snippets(path)
            bench = Bench(await index(passages, embedder), embedder)
            show(await measure_rgb(bench, found[:limit], f"RGB {path.stem}"))


def limited(collection: Collection, limit: int | None) -> Collection:
    """The collection with so many questions, spread evenly over it."""
    return Collection(collection.name, collection.passages, spread(collection.questions, limit))


if __name__ == "__main__":
    asyncio.run(main())
