"""The project folder that the stack serves: this repository's own, with what uses all parts of the stack."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

__all__ = ["ROOT", "add_postgres", "add_second", "handbook", "limit_answers", "project"]

ROOT = Path(__file__).parents[3]
PARTS = ("connectors", "pipelines", "prompts")

SECOND = """# The second replica of the model's server.
kind: model
type: openai
base_url: {url}
model: ${{env:RAGSTONE_LOCAL_MODEL:}}
local: true
context: 8192
price: {{input: 0, output: 0}}
"""
POSTGRES = """kind: {kind}
type: pgvector
url: ${{env:RAGSTONE_POSTGRES_URL:}}
"""
PIPELINE = """sources: [documents]
split: {by: sentences, size: 250}
embed: minilm
store: pgvector
lexical: pgterms
"""
ORDERED = "route: {strategy: ordered, models: [local, extractive]}"
SPREAD = "route: {strategy: least_busy, models: [local, second, extractive], timeout: 60, broken: restart}"


def handbook() -> list[Path]:
    """The pages of the handbook."""
    return sorted(ROOT.glob("docs/*.md"))


def project(folder: Path, *, documents: Iterable[Path]) -> Path:
    """Makes it in `folder`, and returns that: with these documents in `docs/`."""
    (folder / "docs").mkdir(parents=True)
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part)
    (folder / "pyproject.toml").write_text("[tool.ragstone]\n")
    for path in documents:
        shutil.copy(path, folder / "docs" / path.name)
    return folder


def limit_answers(folder: Path, tokens: int) -> None:
    """No answer has more tokens than that."""
    with (folder / "pipelines/answer.yaml").open("a") as file:
        file.write(f"limits: {{output: {tokens}}}\n")


def add_postgres(folder: Path) -> None:
    """A second index of the same documents, in Postgres: the pipelines `ingest_postgres` and `answer_postgres`."""
    (folder / "connectors/pgvector.yaml").write_text(POSTGRES.format(kind="store"))
    (folder / "connectors/pgterms.yaml").write_text(POSTGRES.format(kind="lexical"))
    (folder / "pipelines/ingest_postgres.yaml").write_text(PIPELINE)
    answer = (folder / "pipelines/answer.yaml").read_text()
    (folder / "pipelines/answer_postgres.yaml").write_text(answer.replace("index: ingest ", "index: ingest_postgres "))


def add_second(folder: Path, url: str) -> None:
    """A second server of the model, and routes that spread calls over both."""
    (folder / "connectors/second.yaml").write_text(SECOND.format(url=url))
    for path in folder.glob("pipelines/answer*.yaml"):
        text = path.read_text()
        assert ORDERED in text, path
        path.write_text(text.replace(ORDERED, SPREAD))
