"""Cases drafted from the documents, for a person to confirm: by a model, or from their headings and first sentences.

A model is shown one passage at a time and writes a question, its answer, and the words that prove it. A draft whose
words do not stand in the passage is thrown away. Without a model a draft says only which document answers it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from ragstone.errors import UsageError
from ragstone.evaluation.questions import drafted
from ragstone.pipelines.runner import PromptRunner
from ragstone.samples import AT_ONCE
from ragstone.text.answers import plain_words
from ragstone.together import together
from ragstone.types import Context, Document

__all__ = ["DRAFT", "Drafts", "by_model", "by_words", "write"]

DRAFT = "draft"
"""The prompt file that makes a model write a question."""

LEAST, MOST = 200, 1500  # characters of a passage that is shown
TRIED = 3  # passages that are shown for each draft that is wanted
_PART = re.compile(r"^\s*(question|answer|quote):\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_BREAK = re.compile(r"\n\s*\n")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drafts:
    """Cases as their file has them. `refused` are drafts of a model that were thrown away, by the reason."""

    rows: Sequence[Row]
    refused: Mapping[str, int]


def by_words(documents: Sequence[Document], *, count: int) -> Drafts:
    """Headings and first sentences as questions, spread over the documents."""
    rows = [{"question": one.text, "relevant": list(one.relevant)} for one in drafted(documents, most=count)]
    return Drafts([_marked(row) for row in rows], {})


async def by_model(
    documents: Sequence[Document],
    runner: PromptRunner,
    *,
    count: int,
    context: Callable[[], Context],
    told: Callable[[int, int], None] | None = None,
) -> Drafts:
    """Questions that a model writes about passages, spread over the documents, in an order that never changes.

    Raises a ModelError where the model cannot be asked.
    """
    wanted = islice(_passages(documents), count * TRIED)
    rows: dict[int, Row] = {}
    refused: dict[str, int] = {}
    asked: set[tuple[str, ...]] = set()

    async def work() -> None:
        for place, (document, passage) in numbered:
            if len(rows) >= count:
                return
            inputs = {"title": document.title, "passage": passage}
            said = await runner.run(DRAFT, inputs, context=context())
            row, reason = _row(said.text, document, passage)
            words = tuple(plain_words(row["question"])) if row else ()
            if row is None or words in asked:
                reason = reason or "the question was asked before"
                refused[reason] = refused.get(reason, 0) + 1
                continue
            asked.add(words)
            rows[place] = row
            if told is not None:
                told(min(len(rows), count), count)

    numbered = iter(list(enumerate(wanted)))
    await together(work() for _ in range(AT_ONCE))
    return Drafts([_marked(rows[place]) for place in sorted(rows)][:count], refused)


def _row(said: str, document: Document, passage: str) -> tuple[Row | None, str]:
    """A draft, or why there is none."""
    parts = {name.lower(): value.strip("\"“”'") for name, value in _PART.findall(said)}
    if said.strip().strip(".").lower() == "none":
        return None, "the passage answers nothing"
    if not all(parts.get(name) for name in ("question", "answer", "quote")):
        return None, "the model wrote no question, answer and quote"
    words = [re.escape(word) for word in parts["quote"].split()]
    match = re.search(r"\s+".join(words), passage)
    if match is None:
        return None, "the quote does not stand in the passage"
    start = document.text.find(passage) + match.start()
    relevant = [{"uri": document.uri, "start": start, "end": start + len(match[0]), "quote": match[0]}]
    return {"question": parts["question"], "expected": parts["answer"], "relevant": relevant}, ""


def _passages(documents: Sequence[Document]) -> Iterable[tuple[Document, str]]:
    """Paragraphs of prose that are long enough, one of each document after the other, by hash: from all its parts."""
    of_each = [
        sorted(((one, part) for part in _BREAK.split(one.text) if _prose(part)), key=lambda pair: _hash(pair[1]))
        for one in sorted(documents, key=lambda one: one.uri)
    ]
    return (pair for pair in chain.from_iterable(zip_longest(*of_each)) if pair is not None)


def _prose(part: str) -> bool:
    return LEAST <= len(part) <= MOST and not part.startswith(("|", "```"))


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()


def _marked(row: Row) -> Row:
    return {**row, "draft": True}


def write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], *, suite: str | None = None) -> tuple[Path, Path]:
    """Writes `NAME.jsonl`, and `NAME.yaml` with the text of a suite beside it. Raises UsageError where one is there."""
    cases, spec = folder / f"{name}.jsonl", folder / f"{name}.yaml"
    for path in (cases, spec):
        if path.exists():
            hint = "Choose another name, or delete it."
            raise UsageError("the file is there already, and may hold your edits", where=str(path), hint=hint)
    folder.mkdir(parents=True, exist_ok=True)
    cases.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    spec.write_text(suite or f"cases: {name}.jsonl\n", encoding="utf-8")
    return cases, spec
