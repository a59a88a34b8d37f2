"""Peak memory of large files, and of 100,000 chunks: `python benchmarks/large_files.py`."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.side import DATA, peak
from rows.frameworks import ragstone


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(_one(sys.argv[2], Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as name:
        memory(Path(name))


def once(kind: str, documents: Path) -> dict[str, float]:
    """The chunks, the seconds and the peak of memory of an ingestion, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", kind, str(documents)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _one(kind: str, documents: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        if kind == "free":
            opened = ragstone.free_project(Path(folder), documents)
        else:
            opened = ragstone.opened(ragstone.made(Path(folder) / "project", documents))
        with opened as rag:
            report = rag.ingest()
            return {"chunks": report.chunks, "seconds": report.seconds, "peak": peak()}


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
        found = once("real", documents)
        print(f"| {name} | {found['chunks']:,} | {found['seconds']:.1f} | {found['peak']:.0f} |")
    for files in (400, 800, 1600):
        documents = folder / f"many-{files}"
        documents.mkdir()
        many(documents, files)
        found = once("free", documents)
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
