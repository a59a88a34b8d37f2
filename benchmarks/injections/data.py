"""The labelled texts: data that may be learned from, data that only judges, and what we have written ourselves."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ragstone.connectors.openvino import OpenVINOEmbedder
from ragstone.errors import EmbedderError
from ragstone.evaluation.injections.examples import Example, Examples
from ragstone.protocols import Embedder
from ragstone.types import Context
from ragstone.validation.injection.features import Matrix

__all__ = ["Remembering", "hijacks", "judges_only", "lines", "own", "permitted", "root"]

OWN = Path(__file__).parents[1] / "attacks"
TABLES, PASSAGES, QUESTIONS = 300, 700, 300
LEARNED_PAGES = "l"
"""Passages of our handbook's pages from this letter on are among the harmless examples; the pages before it judge."""

INNOCENT = {
    "Information Retrieval",
    "Content Creation",
    "Learning and Tutoring",
    "Language Translation",
    "Programming Help",
}


def root() -> Path:
    """The folder of the shared data."""
    folder = Path(os.environ.get("RAGSTONE_DATA", "../shared/data"))
    if not (folder / "injection").is_dir():
        raise SystemExit(f"There is no evaluation data in {folder}: set RAGSTONE_DATA.")
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file with one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def own(name: str) -> list[dict[str, Any]]:
    """Examples of our own writing: planted, harmless, prompts, on_topic."""
    return lines(OWN / f"{name}.jsonl")


def hijacks(category: str) -> bool:
    """Whether attacks of a category say how to answer, and are no harmless tasks."""
    return category not in INNOCENT


def permitted() -> Examples:
    """All that may be learned from: neither Tensor Trust (no licence), nor what is for non-commercial use only."""
    data, random = root(), Random(7)
    bipia, prompts = data / "injection" / "bipia", data / "injection" / "prompts"
    wikis = random.sample(lines(data / "retrieval" / "xquad" / "passages.jsonl"), PASSAGES)
    chinese = random.sample(lines(data / "retrieval" / "cmrc2018" / "passages.jsonl"), PASSAGES // 7)
    questions = random.sample(lines(data / "retrieval" / "xquad" / "questions.jsonl"), QUESTIONS)
    tables = random.sample(lines(bipia / "table.jsonl"), TABLES)
    dan, wild = lines(prompts / "jailbreak_dan.jsonl"), lines(prompts / "jailbreak_inthewild.jsonl")
    return Examples(
        planted=[Example(row["attack"], row["category"]) for row in lines(bipia / "text_attacks.jsonl")]
        + [Example(row["text"], f"own, {row['lang']}, {row['kind']}") for row in own("planted")],
        contexts=[Example(row["context"], "e-mail") for row in lines(bipia / "email.jsonl")]
        + [Example(row["context"], "table") for row in tables]
        + [Example(row["text"], "encyclopaedia") for row in wikis + chinese]
        + [Example(row["text"], f"own, {row['kind']}") for row in own("harmless")],
        jailbreaks=[Example(row["text"], "jailbreak") for row in dan + wild]
        + [Example(row["text"], "own") for row in own("prompts") if row["label"]],
        prompts=[Example(row["text"], "NotInject") for row in lines(prompts / "notinject.jsonl")]
        + [Example(row["text"], "ordinary") for row in lines(prompts / "wildguard_benign.jsonl")]
        + [Example(row["question"], "question") for row in questions]
        + [Example(row["text"], "own") for row in own("prompts") if not row["label"]],
    )


def judges_only() -> dict[str, list[str]]:
    """Texts that nothing is learned from, by what they are; the first word says which detector judges them."""
    data, random = root(), Random(11)
    trust = data / "injection" / "tensor_trust"
    code = lines(data / "injection" / "bipia" / "code.jsonl")
    pairs = random.sample(lines(data / "paraphrase" / "qqp_pairs.jsonl"), 400)
    news = random.sample(lines(data / "retrieval" / "crud_news_zh" / "distractors.jsonl"), 100)
    abstracts = random.sample(lines(data / "retrieval" / "cranfield" / "corpus.jsonl"), 150)
    speech = (data / "retrieval" / "chunking_eval" / "corpora" / "state_of_the_union.md").read_text(encoding="utf-8")
    pages = [path for path in sorted(OWN.parents[1].glob("docs/*.md")) if path.name < LEARNED_PAGES]
    handbook = "\n\n".join(path.read_text(encoding="utf-8") for path in pages)
    return {
        "user attack: Tensor Trust, hijacking": [row["attack"] for row in lines(trust / "hijacking.jsonl")],
        "user attack: Tensor Trust, extraction": [row["attack"] for row in lines(trust / "extraction.jsonl")],
        "user benign: questions (QQP)": [row["text_a"] for row in pairs],
        "clean: Chinese news": [row["text"][:1500] for row in news],
        "clean: abstracts (Cranfield)": [row["text"] for row in abstracts if row["text"]],
        "clean: a speech": _passages(speech, 60),
        "clean: a manual (our handbook)": _passages(handbook, 120),
        "clean: code answers": ["\n".join(row["context"]) for row in code],
    }


def _passages(text: str, most: int) -> list[str]:
    """About so many passages of 1,000 characters."""
    paragraphs = [each for each in text.split("\n\n") if each.strip()]
    found: list[str] = [""]
    for paragraph in paragraphs:
        if len(found[-1]) > 800:
            found.append("")
        found[-1] += ("\n\n" if found[-1] else "") + paragraph
    return Random(3).sample(found, min(most, len(found)))


class Remembering(Embedder):
    """The default embedder, which makes no vector twice; with a file, not even in the next run."""

    def __init__(self, path: Path | None = None) -> None:
        self._inner, self._path = OpenVINOEmbedder(), path
        self._known: dict[str, Matrix] = {}
        self._changed = False
        self.fingerprint, self.dimensions = self._inner.fingerprint, self._inner.dimensions
        if path and path.exists():
            kept = np.load(path)
            self._known = dict(zip((str(text) for text in kept["texts"]), kept["vectors"], strict=True))

    async def embed(self, texts: Any, *, context: Context, ids: Any = None) -> Matrix:
        """Vectors of texts, made where they are not known."""
        wanted = [text for text in dict.fromkeys(texts) if text not in self._known]
        for vector, text in zip(await self._made(wanted, context), wanted, strict=True):
            self._known[text] = vector
            self._changed = True
        return np.stack([self._known[text] for text in texts])

    async def _made(self, texts: list[str], context: Context) -> Any:
        try:
            return await self._inner.embed(texts, context=context) if texts else []
        except EmbedderError:
            if len(texts) == 1:
                raise
            half = len(texts) // 2
            return [*await self._made(texts[:half], context), *await self._made(texts[half:], context)]

    async def close(self) -> None:
        """Keeps what was made."""
        await self._inner.close()
        if self._path and self._changed:
            np.savez(
                self._path,
                texts=np.array(list(self._known), dtype=np.str_),
                vectors=np.stack(list(self._known.values())),
            )
        sys.stderr.write(f"{len(self._known):,} vectors known\n")
