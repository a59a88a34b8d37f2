"""`python -m rows.retrieving.spans NAME` prints recall and IoU of the five spans that are returned for a question.

NAME is a peer, or ragstone, or ragstone-whole (chunks as they are stored, without trimming).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from bench.side import report

from rows.frameworks import Document, peer
from rows.frameworks.vectors import Kept
from rows.retrieving.data import Asked, chunking
from rows.retrieving.judged import overlap

RETURNED = 5


def main(name: str) -> None:
    documents, asked = chunking()
    if name.startswith("ragstone"):
        values = _ours(name, documents, asked)
    else:
        vectors = Kept()
        with tempfile.TemporaryDirectory() as folder:
            one = peer(name, Path(folder), vectors)
            one.load()
            one.ingest(documents)
            values = [
                _judged(
                    question,
                    [(piece.document, piece.start, piece.text) for piece in one.search(question.text, RETURNED)],
                )
                for question in asked
            ]
    report({key: 100 * mean(each) for key, each in zip(("recall", "IoU"), zip(*values, strict=True), strict=True)})


def _judged(question: Asked, found: Sequence[tuple[str, int, str]]) -> tuple[float, float]:
    """What comes of another document is paid for, too: it counts as characters behind all right ones."""
    behind = max(end for _, end in question.spans) + 10**7
    spans: list[tuple[int, int]] = []
    for document, start, text in found:
        begun = start if document == question.document else behind
        spans.append((begun, begun + len(text)))
        behind += len(text) + 1
    return overlap(spans, question.spans)


def _ours(name: str, documents: Sequence[Document], asked: Sequence[Asked]) -> list[tuple[float, float]]:

    from rows.frameworks import ragstone

    settings = "trim: 0" if name == "ragstone-whole" else ""
    with tempfile.TemporaryDirectory() as folder:
        corpora = Path(folder) / "corpora"
        corpora.mkdir()
        for document in documents:
            (corpora / f"{document.name}.md").write_bytes(document.text.encode())
        project = ragstone.made(Path(folder) / "project", corpora, retrieve=settings)
        with ragstone.opened(project) as rag:
            rag.ingest()
            return [
                _judged(
                    question,
                    [
                        (Path(hit.chunk.uri).stem, hit.chunk.start, hit.chunk.text[: hit.chunk.end - hit.chunk.start])
                        for hit in rag.search(question.text, k=RETURNED)
                    ],
                )
                for question in asked
            ]


if __name__ == "__main__":
    main(sys.argv[1])
