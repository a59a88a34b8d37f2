"""A small corpus ingested with vectors that cost nothing, beside the same by hand.

Ours is the pipeline of an ingestion: reading, splitting by sentences, terms, Chroma, BM25 and `project.db`. It reads in
this process, since readers of its own compute where no clock of this one sees it. The reference finds the language of
the same texts, cuts them at the ends of sentences, stems their words, and writes the same vectors to Chroma, the stems
to tantivy and the chunks to a file of SQLite.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from guard.thing import Sides, Thing, spent

__all__ = ["THING"]

DOCUMENTS, PARAGRAPHS, SENTENCES, SIZE, DIMENSIONS = 8, 8, 9, 200, 384
DETECTED = 1000  # characters of a document by which its language is found
WORDS = (
    ("The harbour master", "A pilot of the outer basin", "The keeper of the light", "Each skipper", "The watch"),
    ("opens the gates", "reads the gauge", "notes the draught", "calls the tug", "checks the moorings"),
    ("at six in the morning", "before the tide turns", "when the wind is from the west", "after the last boat is in"),
    ("because the channel is narrow", "so that nobody waits", "as the rules of 1931 say", "though few remember why"),
)
TOKEN = re.compile(r"\w+|[^\w\s]")
END = re.compile(r"(?<=[.!?])\s+")


def corpus() -> dict[str, str]:
    """The same documents on every machine, by their names."""
    chance = random.Random(7)
    return {f"harbour-{number}.md": _document(number, chance) for number in range(DOCUMENTS)}


def _document(number: int, chance: random.Random) -> str:
    parts = [f"# Harbour {number}"]
    for paragraph in range(PARAGRAPHS):
        parts += [f"## Part {paragraph}", " ".join(_sentence(chance) for _ in range(SENTENCES))]
    return "\n\n".join(parts)


def _sentence(chance: random.Random) -> str:
    return f"{' '.join(map(chance.choice, WORDS))}, {chance.randrange(10**6)} times a year."


def vectors() -> Any:
    """As many as are told apart by a checksum: to make one takes no time. Shape (1024, DIMENSIONS), length 1."""
    import numpy as np

    made = np.random.default_rng(7).standard_normal((1024, DIMENSIONS)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    texts, rows = corpus(), vectors()
    with asyncio.Runner() as runner:

        def ours() -> float:
            return _in_place(folder, lambda place: runner.run(ingested(place, texts, rows)))

        def reference() -> float:
            return _in_place(folder, lambda place: by_hand(place, texts, rows))

        yield ours, reference


def _in_place(folder: Path, work: Any) -> float:
    place = Path(tempfile.mkdtemp(dir=folder))
    seconds = spent(lambda: work(place))
    shutil.rmtree(place, ignore_errors=True)
    return seconds


# ── Ours ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def ingested(place: Path, texts: dict[str, str], rows: Any) -> None:
    from ragstone.connectors.chroma import ChromaStore
    from ragstone.connectors.tantivy import TantivyIndex
    from ragstone.ingestion.splitters.sentences import SentenceSplitter
    from ragstone.ingestion.workers import Here
    from ragstone.pipelines.index import Index
    from ragstone.pipelines.ingest import IngestPipeline
    from ragstone.protocols import Embedder
    from ragstone.state.sqlite import ProjectState
    from ragstone.testing import MemorySource
    from ragstone.types import Context

    class Free(Embedder):
        """Vectors that cost nothing."""

        fingerprint, dimensions, window = "free-1", DIMENSIONS, 256

        def tokens(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
            spans = [match.span() for match in TOKEN.finditer(text)]
            return [0] * len(spans), spans

        async def embed(self, texts: Sequence[str], *, context: Context, ids: Any = None) -> Any:
            return rows[[zlib.crc32(text.encode()) % len(rows) for text in texts]]

    embedder, state = Free(), ProjectState(place / "project.db")
    index = Index(
        name="ingest",
        tenant="default",
        state=state,
        splitter=SentenceSplitter(embedder=embedder, size=SIZE),
        embedder=embedder,
        store=ChromaStore(place / "chroma"),
        lexical=TantivyIndex(place / "lexical"),
        reader=Here(),
    )
    report = await IngestPipeline(index, [MemorySource(texts)]).run(context=Context(patient=True))
    assert report.added == len(texts), report
    await asyncio.gather(index.store.close(), index.lexical.close())
    state.close()


# ── The reference ───────────────────────────────────────────────────────────────────────────────────────────────────


def by_hand(place: Path, texts: dict[str, str], rows: Any) -> None:
    from langdetect import detect

    chunks = dict[str, str]()
    with closing(sqlite3.connect(place / "chunks.db")) as db:
        db.execute("CREATE TABLE chunks (name TEXT PRIMARY KEY, language TEXT, text TEXT)")
        for name, text in texts.items():
            language = detect(text[:DETECTED])
            made = {f"{name}-{number}": chunk for number, chunk in enumerate(cut(text))}
            with db:
                db.executemany("INSERT INTO chunks VALUES (?, ?, ?)", [(key, language, made[key]) for key in made])
            chunks |= made
    to_chroma(place / "chroma", chunks, rows)
    to_tantivy(place / "lexical", chunks)


def cut(text: str) -> Iterator[str]:
    """Whole sentences, at most SIZE tokens of them."""
    held, size = list[str](), 0
    for sentence in END.split(text):
        tokens = len(TOKEN.findall(sentence))
        if held and size + tokens > SIZE:
            yield " ".join(held)
            held, size = [], 0
        held.append(sentence)
        size += tokens
    yield " ".join(held)


def to_chroma(place: Path, chunks: dict[str, str], rows: Any) -> None:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(place), Settings(anonymized_telemetry=False))
    collection = client.create_collection("chunks", embedding_function=None)
    made = rows[[zlib.crc32(chunk.encode()) % len(rows) for chunk in chunks.values()]]
    collection.add(ids=list(chunks), embeddings=made, metadatas=[{"acl": "public"}] * len(chunks))
    client.clear_system_cache()


def to_tantivy(place: Path, chunks: dict[str, str]) -> None:
    import Stemmer
    import tantivy

    schema = tantivy.SchemaBuilder().add_text_field("id", stored=True, tokenizer_name="raw")
    schema = schema.add_text_field("terms", stored=True, tokenizer_name="whitespace").build()
    place.mkdir()
    writer = tantivy.Index(schema, str(place)).writer(50_000_000, num_threads=1)
    stemmer = Stemmer.Stemmer("english")
    for name, chunk in chunks.items():
        document = tantivy.Document()
        document.add_text("id", name)
        document.add_text("terms", " ".join(stemmer.stemWords(re.findall(r"\w+", chunk.lower()))))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


THING = Thing(
    name="ingest",
    reference="the same by hand",
    packages=("chromadb", "langdetect", "pystemmer", "tantivy"),
    pairs=5,
    sides=sides,
)
