"""The five documents that are ingested: 1.1 million characters, of which a quick run takes a tenth."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.side import DATA, QUICK

from rows.frameworks import Document

__all__ = ["SOME", "TENTH", "plain", "questions", "texts", "written"]

FILES = (
    "retrieval/chunking_eval/corpora/chatlogs.md",
    "retrieval/chunking_eval/corpora/finance.md",
    "retrieval/chunking_eval/corpora/state_of_the_union.md",
    "documents/files/un__example-10k.html",
    "documents/files/un__example-with-scripts.html",
)
TENTH, SOME = 35_000, 200_000
"""Bytes of each file in a smaller corpus, in which the HTML of the annual report is left out."""


def written(folder: Path, *, most: int | None = TENTH if QUICK else None) -> Path:
    """Copies of them, or of the beginnings of four, in a new folder below this one."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for file in FILES:
        if most and "10k" in file:
            continue
        data = (DATA / file).read_bytes()
        if most:
            data = data[:most].decode(errors="ignore").encode()
        (documents / Path(file).name).write_bytes(data)
    return documents


def texts(folder: Path) -> list[Document]:
    """What the peers get is text already: of HTML they would otherwise ingest the markup."""
    found: list[Document] = []
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".html":
            text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
            text = re.sub(r"\s+", " ", text)
        found.append(Document(path.name, text))
    return found


def plain(folder: Path) -> Path:
    """The texts of the peers as files, in a new folder beside this one."""
    made = folder.with_name("plain")
    made.mkdir()
    for document in texts(folder):
        (made / document.name).with_suffix(".txt").write_text(document.text, encoding="utf-8")
    return made


def questions(count: int) -> list[str]:
    """Questions about some of the documents."""
    lines = (DATA / "retrieval/chunking_eval/questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[:count]]
