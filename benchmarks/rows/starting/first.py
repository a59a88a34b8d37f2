"""`python -m rows.starting.first NAME` times new processes from their start to their first answer.

The index of one small document lies ready in a folder. The process imports the package, loads its embedder, opens the
index and asks. Ragstone prints an answer with its citation, by `ragstone ask`; the peers have no model that answers
without a server, so they are done as soon as the passage is found.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.side import KEPT, QUICK, peak, report

from rows.frameworks.vectors import model_folder

TEXT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
QUESTION = "When does the halibut project ship?"


def main(name: str, do: str = "time") -> None:
    place = KEPT / f"first-{name}"
    if do == "make":
        MAKE[name](place)
    elif do == "ask":
        said = ASK[name](place)
        assert "3 May 2031" in said, said
        print(peak())
    else:
        _timed(name, place)


def _timed(name: str, place: Path) -> None:
    command = [sys.executable, "-m", "rows.starting.first", name]
    if not place.exists():
        subprocess.run([*command, "make"], stdout=subprocess.DEVNULL, check=True)
        if not QUICK:
            subprocess.run([*command, "ask"], stdout=subprocess.DEVNULL, check=True)  # brings the files into memory
    begun = time.perf_counter()
    done = subprocess.run([*command, "ask"], stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - begun
    report({"first answer": seconds, "peak": float(done.stdout.splitlines()[-1])})


# ── Ragstone ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _make_ragstone(place: Path) -> None:
    from ragstone.cli.init import Default, write

    write(place, model=Default.extractive)
    (place / "documents/halibut.md").write_text(TEXT)
    subprocess.run([Path(sys.executable).with_name("ragstone"), "ingest"], cwd=place, check=True)


def _ask_ragstone(place: Path) -> str:
    import io
    import os
    from contextlib import redirect_stdout

    from ragstone.cli import main as command

    os.chdir(place)
    sys.argv = ["ragstone", "ask", QUESTION]
    said = io.StringIO()
    with redirect_stdout(said):
        try:
            command()
        except SystemExit as end:
            if end.code:
                raise
    return said.getvalue()


# ── The peers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _make_langchain(place: Path) -> None:
    from langchain_chroma import Chroma
    from langchain_huggingface import HuggingFaceEmbeddings

    Chroma.from_texts([TEXT], HuggingFaceEmbeddings(model_name=model_folder()), persist_directory=str(place))


def _ask_langchain(place: Path) -> str:
    from langchain_chroma import Chroma
    from langchain_huggingface import HuggingFaceEmbeddings

    embeddings = HuggingFaceEmbeddings(model_name=model_folder())
    store = Chroma(embedding_function=embeddings, persist_directory=str(place))
    return store.similarity_search(QUESTION, k=1)[0].page_content


def _llamaindex(place: Path) -> tuple[Any, Any]:
    import chromadb
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.chroma import ChromaVectorStore

    chunks = chromadb.PersistentClient(str(place)).get_or_create_collection("chunks")
    return ChromaVectorStore(chunks), HuggingFaceEmbedding(model_name=model_folder())


def _make_llamaindex(place: Path) -> None:
    from llama_index.core import Document, StorageContext, VectorStoreIndex

    store, embedding = _llamaindex(place)
    context = StorageContext.from_defaults(vector_store=store)
    VectorStoreIndex.from_documents([Document(text=TEXT)], storage_context=context, embed_model=embedding)


def _ask_llamaindex(place: Path) -> str:
    from llama_index.core import VectorStoreIndex

    store, embedding = _llamaindex(place)
    index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
    return index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].get_content()


def _make_haystack(place: Path) -> None:
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder

    embedder = SentenceTransformersDocumentEmbedder(model=model_folder(), progress_bar=False)
    embedder.warm_up()
    store = InMemoryDocumentStore()
    store.write_documents(embedder.run([Document(content=TEXT)])["documents"])
    store.save_to_disk(str(place))


def _ask_haystack(place: Path) -> str:
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersTextEmbedder

    embedder = SentenceTransformersTextEmbedder(model=model_folder(), progress_bar=False)
    embedder.warm_up()
    store = InMemoryDocumentStore.load_from_disk(str(place))
    vector = embedder.run(QUESTION)["embedding"]
    return InMemoryEmbeddingRetriever(store, top_k=1).run(query_embedding=vector)["documents"][0].content


def _make_txtai(place: Path) -> None:
    from txtai import Embeddings

    index = Embeddings(path=model_folder(), content=True)
    index.index([TEXT])
    index.save(str(place))


def _ask_txtai(place: Path) -> str:
    from txtai import Embeddings

    index = Embeddings()
    index.load(str(place))
    return index.search(QUESTION, 1)[0]["text"]


MAKE = {
    "ragstone": _make_ragstone,
    "langchain": _make_langchain,
    "llamaindex": _make_llamaindex,
    "haystack": _make_haystack,
    "txtai": _make_txtai,
}
ASK = {
    "ragstone": _ask_ragstone,
    "langchain": _ask_langchain,
    "llamaindex": _ask_llamaindex,
    "haystack": _ask_haystack,
    "txtai": _ask_txtai,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
