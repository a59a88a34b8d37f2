"""Ingestion side by side with LangChain, LlamaIndex, Haystack and txtai, all with all-MiniLM-L6-v2, in one run.

    python benchmarks/ingest.py --peers PYTHON     beside the peers that are installed there (benchmarks/peers.txt)
    python benchmarks/ingest.py                    Ragstone alone
    python benchmarks/ingest.py --memory           peak memory of large files, and of 100,000 chunks

Each runs in a process of its own; what is imported and loaded before the first document is not counted. Ours counts
everything: reading, parsing in workers, splitting, embedding, Chroma, BM25 and the manifest. A free embedder (a vector
from a hash) shows what the framework itself costs. Peers cut at 800 characters and Ragstone at 250 tokens, so compare
the text per second, too. Questions ask the peers' vectors alone, and ours hybrid with late interaction and trimming.
The peers compute in float32; where Ragstone takes bfloat16, a second row has it in float32,
with the least cosine between the two. RAGSTONE_DATA names the folder with the evaluation data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data"))
CORPUS = (
    "retrieval/chunking_eval/corpora/chatlogs.md",
    "retrieval/chunking_eval/corpora/finance.md",
    "retrieval/chunking_eval/corpora/state_of_the_union.md",
    "documents/files/un__example-10k.html",
    "documents/files/un__example-with-scripts.html",
)
CHARACTERS = 800  # of a chunk
SHORT = {False: 170, True: 130}  # tokens of a chunk as long as the peers', of MiniLM's tokenizer and of the free one
PEERS = ("langchain", "llamaindex", "haystack", "txtai")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment that has the peers")
    parser.add_argument("--only", nargs="*", help="these peers")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        name, embedder, folder, model = asked.one
        print(json.dumps(RUNS[name](Path(folder), model, free=embedder == "free")))
        return
    with tempfile.TemporaryDirectory() as name:
        memory(Path(name)) if asked.memory else speed(Path(name), asked.peers, asked.only or PEERS)


def speed(folder: Path, peers: str | None, names: Sequence[str]) -> None:
    from ragstone.connectors.openvino.cache import Cache
    from ragstone.connectors.openvino.weights import DEFAULT_MODEL, find_model

    model = str(find_model(DEFAULT_MODEL, Cache(None), path=None, download=False))
    documents = folder / "documents"
    documents.mkdir()
    for path in CORPUS:
        (documents / Path(path).name).write_bytes((DATA / path).read_bytes())
    for embedder in ("real", "free"):
        best = {"chunks": 0.0, "characters": 0.0}
        print(f"\nWith the {'real embedder' if embedder == 'real' else 'free embedder'}:\n")
        print("| | chunks | seconds | chunks/s | kB of text/s | peak MB | query p50 / p95 ms |")
        print("|---|---|---|---|---|---|---|")
        for name in names if peers else ():
            found = one(peers or "", name, embedder, documents, model)
            best = {what: max(most, found[what] / found["seconds"]) for what, most in best.items()}
            print(row(name, found))
        ours = one(sys.executable, "ragstone", embedder, documents, model)
        print(row("ragstone", ours))
        alike = one(sys.executable, "short", embedder, documents, model)
        print(row("ragstone, chunks as long as theirs", alike))
        for said, plain in ours.get("plain", {}).items():
            print(f"| {said} | | | | | | {plain[0]:.1f} / {plain[1]:.1f} |")
        if embedder == "real":
            full = one(sys.executable, "fp32", embedder, documents, model)
            print(row("ragstone, float32", full))
            least = min(_cosines(ours["vectors"], full["vectors"]))
            print(f"\nLeast cosine of {len(ours['vectors']):,} vectors to float32: {least:.5f}.")
        if best["chunks"]:
            print(f"\n{ratios(ours, best)}; with chunks as long as theirs {ratios(alike, best)}.")
        share = ours["again"] / ours["seconds"]
        print(f"\nAgain, nothing changed: {ours['embedded_again']} embedded, {share:.1%} of the first run.")
        spent = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in ours["spent"].items())
        print(f"Where the time went (the stages overlap): {spent}.")


def _cosines(some: dict[str, list[float]], others: dict[str, list[float]]) -> list[float]:
    """Between vectors of length 1 of the same chunks."""
    return [sum(a * b for a, b in zip(vector, others[name], strict=True)) for name, vector in some.items()]


def one(python: str, name: str, embedder: str, documents: Path, model: str) -> dict[str, Any]:
    command = [python, str(Path(__file__).resolve()), "--one", name, embedder, str(documents), model]
    offline = {"HF_HUB_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **offline})
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ratios(found: dict[str, Any], best: dict[str, float]) -> str:
    """How many times the best peer's chunks and characters each second."""
    chunks, text = (found[what] / found["seconds"] / most for what, most in best.items())
    return f"{chunks:.2f} × the best of them in chunks, {text:.2f} × in text"


def row(name: str, found: dict[str, Any]) -> str:
    chunks, seconds = found["chunks"], found["seconds"]
    rates = f"{chunks / seconds:,.0f} | {found['characters'] / seconds / 1000:,.0f}"
    query = f"{found['p50']:.1f} / {found['p95']:.1f}" if "p50" in found else ""
    return f"| {name} | {chunks:,} | {seconds:.2f} | {rates} | {found['peak']:.0f} | {query} |"


def outcome(chunks: Sequence[str], seconds: float, ask: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """What was measured; `ask` finds the eight best chunks for a question."""
    took = timed(ask) if ask else []
    found = {"chunks": len(chunks), "characters": sum(map(len, chunks)), "seconds": seconds, "peak": peak()}
    return found | ({"p50": took[len(took) // 2], "p95": took[len(took) * 95 // 100]} if took else {})


def timed(ask: Callable[[str], Any]) -> list[float]:
    """The milliseconds of 200 questions one after the other, sorted; the first twenty warm up."""
    lines = (DATA / "retrieval/chunking_eval/questions.jsonl").read_text(encoding="utf-8").splitlines()
    took: list[float] = []
    for line in lines[:220]:
        question = json.loads(line)["question"]
        begun = time.perf_counter()
        ask(question)
        took.append(1000 * (time.perf_counter() - begun))
    return sorted(took[20:])


def peak() -> float:
    """MB, of this process and of its largest child."""
    usage = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage) / 1024


def free_vector(text: str) -> list[float]:
    """A vector of length 1 that costs next to nothing."""
    import numpy as np

    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    vector = np.random.default_rng(seed).standard_normal(384).astype("float32")
    return (vector / np.linalg.norm(vector)).tolist()


# ── Ragstone ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ragstone(documents: Path, model: str, *, free: bool, size: int | None = None) -> dict[str, Any]:
    import ragstone

    with tempfile.TemporaryDirectory() as name, _opened(Path(name), documents, free=free, size=size) as rag:
        first = rag.ingest()
        steps = rag.traces(limit=1, principals=None)[0].steps
        begun = time.perf_counter()
        again = rag.ingest()
        seconds = time.perf_counter() - begun
        vectors = {} if free else _vectors(Path(name) / ".ragstone/cache.db")
        texts = [chunk.text for path in documents.iterdir() for chunk in rag.index().chunks(_uri(rag, path))]
        assert isinstance(rag, ragstone.Rag)
        memory = peak()
        found = {} if free else _asked(rag, Path(name))
    spent = next(step.facts for step in steps if step.name == "ingest.spent")
    found |= {"again": seconds, "embedded_again": again.embedded, "spent": spent, "vectors": vectors, "peak": memory}
    return {**outcome(texts, first.seconds), **found}


def _asked(rag: Any, project: Path) -> dict[str, Any]:
    """Milliseconds of a search: as it is by default, without trimming, and without late interaction either."""
    took = outcome([], 1.0, lambda question: rag.search(question, k=8))
    found: dict[str, Any] = {"p50": took["p50"], "p95": took["p95"], "plain": {}}
    path = project / "pipelines/answer.yaml"
    text = path.read_text(encoding="utf-8")
    for said, keys in {"no trimming": "trim: 0", "fusion alone": "trim: 0, rerank: null, smooth: 0"}.items():
        path.with_name("plain.yaml").write_text(text.replace("k: 8}", f"k: 8, {keys}}}"), encoding="utf-8")
        with ragstone_opened(project) as other:
            took = outcome([], 1.0, lambda question, other=other: other.search(question, k=8, pipeline="plain"))
        found["plain"][f"ragstone, {said}"] = took["p50"], took["p95"]
    return found


def ragstone_opened(project: Path) -> Any:
    import ragstone

    return ragstone.open(project)


def counted(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    """As `ragstone`, without what the comparison asks for after the ingestion, which takes memory too."""
    with tempfile.TemporaryDirectory() as name, _opened(Path(name), documents, free=free) as rag:
        report = rag.ingest()
        return {"chunks": report.chunks, "seconds": report.seconds, "peak": peak()}


def _vectors(cache: Path) -> dict[str, list[float]]:
    """Of the first 400 texts in the order of their hashes."""
    import numpy as np

    from ragstone.state.cached import CacheFile

    with closing(sqlite3.connect(cache)) as db:
        chosen = "SELECT key FROM entries_1 JOIN rooms_1 r ON r.id = room AND name = 'vectors' WHERE until IS NULL"
        keys = [key for (key,) in db.execute(f"{chosen} ORDER BY key LIMIT 400")]
    file = CacheFile(cache, size=10**10, largest=10**7)
    with closing(file):
        return {key.hex(): np.frombuffer(one.value, "<f4").tolist() for key, one in file.get("vectors", keys).items()}


def fp32(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    """As on a processor without bfloat16."""
    from ragstone.connectors.openvino import runtime

    runtime._precision = lambda core: "f32"
    return ragstone(documents, model, free=free)


def _uri(rag: Any, path: Path) -> str:
    return next(uri for uri in rag.uris if uri.endswith(path.name))


def short(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    """In chunks as long as the peers'."""
    return ragstone(documents, model, free=free, size=SHORT[free])


def _opened(folder: Path, documents: Path, *, free: bool, size: int | None = None) -> Any:
    import ragstone
    from ragstone.cli.init import Default, write

    uris = [f"documents/{path.name}" for path in documents.iterdir()]
    if not free:
        write(folder, model=Default.extractive)
        if size is not None:
            path = folder / "pipelines/ingest.yaml"
            path.write_text(path.read_text(encoding="utf-8").replace("size: 250", f"size: {size}"), encoding="utf-8")
        for path in documents.iterdir():
            (folder / "documents" / path.name).write_bytes(path.read_bytes())
        rag = ragstone.open(folder)
    else:
        from ragstone.connectors.chroma import ChromaStore
        from ragstone.connectors.files import FilesSource
        from ragstone.connectors.tantivy import TantivyIndex
        from ragstone.ingestion.splitters.sentences import SentenceSplitter

        source = FilesSource(documents, documents.parent)
        source.name = "documents"
        embedder = _free_embedder()
        rag = ragstone.Rag(
            store=ChromaStore(folder / "chroma"),
            lexical=TantivyIndex(folder / "lexical"),
            embedder=embedder,
            splitter=SentenceSplitter(embedder=embedder, size=size) if size is not None else None,
            sources=[source],
            state=folder / "project.db",
        )
    rag.uris = uris
    return rag


def _free_embedder() -> Any:
    import numpy as np

    from ragstone.protocols import Embedder

    class Free(Embedder):
        fingerprint, dimensions, window = "free-1", 384, 256

        def tokens(self, text: str) -> Any:
            spans = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
            return [0] * len(spans), spans

        async def embed(self, texts: Sequence[str], *, context: Any, ids: Any = None) -> Any:
            return np.array([free_vector(text) for text in texts], dtype=np.float32).reshape(len(texts), 384)

    return Free()


# ── The peers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def texts(documents: Path) -> list[tuple[str, str]]:
    """What the peers get is text already: of HTML they would otherwise ingest the markup."""
    found = []
    for path in sorted(documents.iterdir()):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".html":
            text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
            text = re.sub(r"\s+", " ", text)
        found.append((path.name, text))
    return found


def langchain(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    from langchain_chroma import Chroma
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    class Free(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [free_vector(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return free_vector(text)

    embeddings = Free() if free else HuggingFaceEmbeddings(model_name=model)
    embeddings.embed_query("warm")
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        splitter = RecursiveCharacterTextSplitter(chunk_size=CHARACTERS, chunk_overlap=0)
        loaded = [Document(page_content=text, metadata={"source": name}) for name, text in texts(documents)]
        chunks = splitter.split_documents(loaded)
        store = Chroma.from_documents(chunks, embeddings, persist_directory=name)
        seconds = time.perf_counter() - begun
        ask = None if free else lambda question: store.similarity_search(question, k=8)
        return outcome([chunk.page_content for chunk in chunks], seconds, ask)


def llamaindex(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.chroma import ChromaVectorStore

    class Free(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return free_vector(text)

        def _get_query_embedding(self, query: str) -> list[float]:
            return free_vector(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return free_vector(query)

    embedding = Free() if free else HuggingFaceEmbedding(model_name=model)
    embedding.get_text_embedding("warm")
    with tempfile.TemporaryDirectory() as name:
        begun = time.perf_counter()
        splitter = SentenceSplitter(chunk_size=200, chunk_overlap=0)
        nodes = splitter.get_nodes_from_documents([Document(text=text) for _, text in texts(documents)])
        store = ChromaVectorStore(chromadb.PersistentClient(name).create_collection("chunks"))
        context = StorageContext.from_defaults(vector_store=store)
        index = VectorStoreIndex(nodes, storage_context=context, embed_model=embedding)
        seconds = time.perf_counter() - begun
        ask = None if free else index.as_retriever(similarity_top_k=8).retrieve
        return outcome([node.get_content() for node in nodes], seconds, ask)


def haystack(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    from dataclasses import replace

    from haystack import Document
    from haystack.components.preprocessors import RecursiveDocumentSplitter
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    embedder: Any = None
    if not free:
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
        )

        embedder = SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
        embedder.warm_up()
        embedder.run([Document(content="warm")])
    begun = time.perf_counter()
    separators = ["\n\n", "\n", " "]  # its sentences would have to be downloaded
    splitter = RecursiveDocumentSplitter(
        split_length=CHARACTERS, split_overlap=0, split_unit="char", separators=separators
    )
    splitter.warm_up()
    chunks = splitter.run([Document(content=text, meta={"name": name}) for name, text in texts(documents)])["documents"]
    if free:
        chunks = [replace(chunk, embedding=free_vector(chunk.content)) for chunk in chunks]
    else:
        chunks = embedder.run(chunks)["documents"]
    store = InMemoryDocumentStore()
    store.write_documents(chunks)
    seconds = time.perf_counter() - begun
    return outcome([chunk.content for chunk in chunks], seconds, None if free else _haystack_ask(store, model))


def _haystack_ask(store: Any, model: str) -> Callable[[str], Any]:
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersTextEmbedder

    embedder = SentenceTransformersTextEmbedder(model=model, progress_bar=False)
    embedder.warm_up()
    retriever = InMemoryEmbeddingRetriever(store, top_k=8)
    return lambda question: retriever.run(query_embedding=embedder.run(question)["embedding"])


def txtai(documents: Path, model: str, *, free: bool) -> dict[str, Any]:
    import numpy as np
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from txtai import Embeddings

    def vectors(batch: Sequence[str]) -> Any:
        return np.array([free_vector(text) for text in batch], dtype=np.float32)

    settings = {"method": "external", "transform": vectors} if free else {"path": model}
    index = Embeddings({**settings, "content": True, "keyword": False})
    if not free:
        index.batchtransform(["warm"])
    begun = time.perf_counter()
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=CHARACTERS, chunk_overlap=0
    )  # txtai has no splitter of its own
    chunks = [chunk for _, text in texts(documents) for chunk in splitter.split_text(text)]
    index.index(chunks)
    with tempfile.TemporaryDirectory() as name:
        index.save(name + "/index")
    return outcome(chunks, time.perf_counter() - begun, None if free else lambda question: index.search(question, 8))


RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "ragstone": ragstone,
    "short": short,
    "fp32": fp32,
    "counted": counted,
    "langchain": langchain,
    "llamaindex": llamaindex,
    "haystack": haystack,
    "txtai": txtai,
}


# ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def memory(folder: Path) -> None:
    from fpdf import FPDF

    book = (DATA / "documents/files/un__book-war-and-peace-1225p.txt").read_text(encoding="utf-8")
    made = FPDF()
    made.set_font("Helvetica", size=9)
    for page in range(2000):
        made.add_page()
        made.multi_cell(0, 4, book[page * 1500 : page * 1500 + 1500].encode("latin-1", "replace").decode("latin-1"))
    files = {
        "text of 1,225 pages": ("book.txt", book.encode()),
        "PDF of 2,000 pages": ("book.pdf", bytes(made.output())),
    }
    print("| | chunks | seconds | peak MB, workers included |\n|---|---|---|---|")
    for name, (file, data) in files.items():
        documents = folder / file.replace(".", "-")
        documents.mkdir()
        (documents / file).write_bytes(data)
        found = one(sys.executable, "ragstone", "real", documents, "-")
        print(f"| {name} | {found['chunks']:,} | {found['seconds']:.1f} | {found['peak']:.0f} |")
    for files in (400, 800, 1600):
        documents = folder / f"many-{files}"
        documents.mkdir()
        many(documents, files)
        found = one(sys.executable, "counted", "free", documents, "-")
        name = f"{files:,} files, free embedder; the vectors alone take {found['chunks'] * 384 * 4 / 2**20:.0f} MB"
        print(f"| {name} | {found['chunks']:,} | {found['seconds']:.1f} | {found['peak']:.0f} |")


def many(folder: Path, files: int) -> None:
    """Files of about 50 chunks each, of NPL's sentences in random order, so that no two chunks are equal."""
    lines = (DATA / "retrieval/npl/corpus.jsonl").read_text(encoding="utf-8").splitlines()
    sentences = [json.loads(line)["text"].strip().capitalize() + "." for line in lines]
    chance = random.Random(7)
    for number in range(files):
        paragraphs = (" ".join(chance.choices(sentences, k=5)) for _ in range(50))
        (folder / f"{number}.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")


if __name__ == "__main__":
    main()
