"""`python -m rows.ingesting.again NAME` ingests a part of the text, and then all of it again though nothing changed.

LangChain has its indexing API with a record manager in SQLite, whose cleanup may be named behind it; LlamaIndex has its
IngestionPipeline with a store of documents that is asked first. All read the files each time. Haystack and txtai ship
nothing that compares before it embeds, so they do what their documentation shows: everything again, over what is there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.side import QUICK, report

from rows.frameworks import Document, corpus, peer
from rows.frameworks.vectors import model_folder

Again = Callable[[], int]  # ingests everything, and returns how many texts were embedded
Read = Callable[[], Sequence[Document]]
Way = Callable[[Path, Read, str], Again]


def main(name: str, cleanup: str = "scoped_full") -> None:
    with tempfile.TemporaryDirectory() as folder:
        documents = corpus.written(Path(folder), most=corpus.TENTH if QUICK else corpus.SOME)
        if name == "ragstone":
            report(_ours(Path(folder), documents))
        else:
            report(_timed(WAYS[name](Path(folder) / "index", lambda: corpus.texts(documents), cleanup)))


def _timed(ingest: Again) -> dict[str, float | None]:
    took: list[float] = []
    embedded = 0
    for _ in range(2):
        begun = time.perf_counter()
        embedded = ingest()
        took.append(time.perf_counter() - begun)
    return {"again": took[1], "of the first run": 100 * took[1] / took[0], "embedded": embedded}


def _ours(folder: Path, documents: Path) -> dict[str, float | None]:
    from rows.frameworks import ragstone

    with ragstone.opened(ragstone.made(folder / "project", documents)) as rag:
        return _timed(lambda: rag.ingest().embedded)


def _langchain(folder: Path, read: Read, cleanup: str) -> Again:
    from langchain_chroma import Chroma
    from langchain_classic.indexes import SQLRecordManager
    from langchain_core.documents import Document as Text
    from langchain_core.indexing import index
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    embeddings = HuggingFaceEmbeddings(model_name=model_folder())
    embeddings.embed_query("warm")
    embedded = _counted(HuggingFaceEmbeddings, "embed_documents")
    folder.mkdir()
    records = SQLRecordManager("documents", db_url=f"sqlite:///{folder}/records.db")
    records.create_schema()
    store = Chroma("documents", embeddings, persist_directory=str(folder))
    splitter = RecursiveCharacterTextSplitter(chunk_size=800, chunk_overlap=0)

    def ingest() -> int:
        embedded.clear()
        chunks = splitter.split_documents([Text(page_content=text, metadata={"name": name}) for name, text in read()])
        index(chunks, records, store, cleanup=cleanup, source_id_key="name", key_encoder="blake2b")
        return sum(embedded)

    return ingest


def _llamaindex(folder: Path, read: Read, cleanup: str) -> Again:
    import chromadb
    from llama_index.core import Document as Text
    from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.storage.docstore import SimpleDocumentStore
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.chroma import ChromaVectorStore

    embedding = HuggingFaceEmbedding(model_name=model_folder())
    embedding.get_text_embedding("warm")
    embedded = _counted(HuggingFaceEmbedding, "_get_text_embeddings")
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=200, chunk_overlap=0), embedding],
        vector_store=ChromaVectorStore(chromadb.PersistentClient(str(folder)).create_collection("chunks")),
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
    )

    def ingest() -> int:
        embedded.clear()
        pipeline.run(documents=[Text(text=text, id_=name) for name, text in read()])
        return sum(embedded)

    return ingest


def _counted(kind: Any, method: str) -> list[int]:
    """The number of texts of each call of a class's method, from now on."""
    counts: list[int] = []
    inner = getattr(kind, method)

    def counting(self: Any, texts: list[str], *rest: Any, **named: Any) -> Any:
        counts.append(len(texts))
        return inner(self, texts, *rest, **named)

    setattr(kind, method, counting)
    return counts


def _whole(name: str) -> Way:
    """What embeds everything again."""

    def opened(folder: Path, read: Read, cleanup: str) -> Again:
        one = peer(name, folder)
        one.load()
        return lambda: len(one.ingest(read()))

    return opened


WAYS: dict[str, Way] = {
    "langchain": _langchain,
    "llamaindex": _llamaindex,
    "haystack": _whole("haystack"),
    "txtai": _whole("txtai"),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
