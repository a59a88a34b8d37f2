"""The collections and questions, read without any package: the peers' environment has no Ragstone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.side import DATA, QUICK

from rows.frameworks import Document
from rows.retrieving.judged import Span

__all__ = ["COLLECTIONS", "Asked", "chunking", "collection"]

COLLECTIONS = ("adi",) if QUICK else ("cranfield", "cisi", "npl", "adi")
QUICK_CORPORA = ("chatlogs", "state_of_the_union")  # of chunking_eval: a tenth of its text


class Asked(NamedTuple):
    """A question with the grades of its documents, or with the spans of one document that answer it."""

    text: str
    relevant: dict[str, int]
    document: str = ""
    spans: tuple[Span, ...] = ()


def collection(name: str) -> tuple[list[Document], list[Asked]]:
    """The documents, each its title and text, and the questions for which at least one is relevant."""
    folder = DATA / "retrieval" / name
    documents = [
        Document(str(row["_id"]), "\n\n".join(filter(None, (str(row.get("title") or "").strip(), row["text"]))))
        for row in _rows(folder / "corpus.jsonl")
    ]
    grades: dict[str, dict[str, int]] = {}
    judgements = folder / "qrels.tsv"
    file = judgements if judgements.exists() else folder / "qrels/test.tsv"
    for line in file.read_text(encoding="utf-8").splitlines():
        fields = line.split("\t")
        if fields[-1].lstrip("-").replace(".", "").isdigit() and float(fields[-1]) > 0:
            grades.setdefault(fields[0], {})[fields[-2]] = int(float(fields[-1]))
    asked = [
        Asked(str(row["text"]), grades[str(row["_id"])])
        for row in _rows(folder / "queries.jsonl")
        if str(row["_id"]) in grades
    ]
    return [document for document in documents if document.text.strip()], asked


def chunking() -> tuple[list[Document], list[Asked]]:
    """Whole documents, and questions with the spans that answer them."""
    folder = DATA / "retrieval/chunking_eval"
    documents = [
        Document(path.stem, path.read_bytes().decode("utf-8-sig"))  # read_text would move offsets
        for path in sorted((folder / "corpora").glob("*.md"))
        if not QUICK or path.stem in QUICK_CORPORA
    ]
    names = {document.name for document in documents}
    asked = [
        Asked(
            row["question"],
            {},
            row["corpus_id"],
            tuple((span["start_index"], span["end_index"]) for span in row["references"]),
        )
        for row in _rows(folder / "questions.jsonl")
        if row["corpus_id"] in names
    ]
    return documents, asked


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)
