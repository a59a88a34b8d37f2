"""`python -m rows.ingesting.once NAME real|free` ingests the five documents once, and says how fast and in what memory.

NAME is a peer, or ragstone, ragstone-alike (in chunks as long as the peers'), ragstone-float32 (alike, and in the
precision of the peers) or ragstone-text (alike, from files that hold the text which the peers get). Of a peer, reading
the files and loading the embedder are not counted; of Ragstone, everything from the call on is: it reads, parses in
workers, loads the network, splits, embeds, and writes Chroma, BM25 and the manifest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.side import peak, report

from rows.frameworks import corpus, peer
from rows.frameworks.vectors import free


def main(name: str, embedder: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents = corpus.written(Path(folder))
        if name.startswith("ragstone"):
            figures = ours(Path(folder), documents, name, is_free=embedder == "free")
        else:
            figures = theirs(Path(folder), documents, name, is_free=embedder == "free")
    report(figures)


def theirs(folder: Path, documents: Path, name: str, *, is_free: bool) -> dict[str, float | None]:
    one = peer(name, folder / "index", free if is_free else None)
    one.load()
    texts = corpus.texts(documents)
    begun = time.perf_counter()
    pieces = one.ingest(texts)
    seconds = time.perf_counter() - begun
    return figures([piece.text for piece in pieces], seconds)


def ours(folder: Path, documents: Path, name: str, *, is_free: bool) -> dict[str, float | None]:
    from rows.frameworks import ragstone

    if name == "ragstone-text":
        documents = corpus.plain(documents)
    size = None if name == "ragstone" else ragstone.ALIKE[is_free]
    if is_free:
        opened = ragstone.free_project(folder, documents, size=size)
    else:
        project = ragstone.made(folder / "project", documents, size=size)
        opened = ragstone.opened(project, full=name == "ragstone-float32")
    with opened as rag:
        begun = time.perf_counter()
        rag.ingest()
        seconds = time.perf_counter() - begun
        held = peak()
        place = documents.name if is_free else "documents"
        uris = [f"{place}/{path.name}" for path in documents.iterdir()]
        texts = [chunk.text for uri in uris for chunk in rag.index().chunks(uri)]
    return figures(texts, seconds) | {"peak": held}


def figures(texts: list[str], seconds: float) -> dict[str, float | None]:
    """Per second: what was cut out, and in how many chunks."""
    characters = sum(map(len, texts))
    return {"text": characters / seconds / 1000, "chunks": len(texts) / seconds, "peak": peak()}


if __name__ == "__main__":
    main(*sys.argv[1:])
