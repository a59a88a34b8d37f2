"""Cases drafted from documents: what a model writes is kept only where the passage proves it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support.rule_server import Messages, serving_rule
from typer.testing import CliRunner, Result

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write
from ragstone.evaluation.suites import drafting
from ragstone.evaluation.suites.suite import suite
from ragstone.project import Project
from ragstone.types import Document

FISH = {"halibut": "3 May", "cod": "9 June", "eel": "1 July", "tuna": "4 August", "carp": "2 March"}
FILLER = "It is packed in ice on the pier, weighed twice, and signed for by whoever drives the lorry that day. " * 3


def writer(messages: Messages) -> str:
    """Writes what is asked for of most fish, and of the others what a model does that does not listen."""
    text = messages[-1]["content"]
    found = re.search(r"The (\w+) ships on ([\w ]+)\.", text)
    assert found is not None
    name, day = found[1], found[2]
    if name == "eel":
        return "none"
    if name == "tuna":
        return f"Question: When does the tuna ship?\nAnswer: {day}\nQuote: The tuna is shipped on {day}"
    if name == "carp":
        return "Here is a question about carp."
    return f'Question: When does the {name} ship?\nAnswer: {day}\nQuote: "The {name}  ships on {day}"'


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "fish"
    write(folder, model=Default.local)
    for name, day in FISH.items():
        text = f"The crates of {name} are weighed. {FILLER}\nThe {name} ships on {day}. {FILLER}"
        (folder / "documents" / f"{name}.md").write_text(f"# The {name} and the port\n\n{text}\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path) -> Path:
    shutil.rmtree(ingested / "evals", ignore_errors=True)
    return ingested


def drafts(project: Path, *more: str, url: str = "", name: str = "fish") -> Result:
    environment = {"RAGSTONE_LOCAL_URL": url, "RAGSTONE_LOCAL_MODEL": "writer", "COLUMNS": "200"}
    arguments = ["eval", "new", name, "--from-documents", *more, "--project", str(project)]
    return CliRunner().invoke(app, arguments, env=environment)


def rows(project: Path, name: str = "fish") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project / "evals" / f"{name}.jsonl").read_text().splitlines()]


def test_a_model_writes_and_what_the_passage_does_not_prove_is_thrown_away(project: Path) -> None:
    with serving_rule(writer) as server:
        done = drafts(project, "--count", "5", url=server.url)
    assert done.exit_code == 0, done.output
    found = {row["question"]: row for row in rows(project)}
    assert set(found) == {"When does the halibut ship?", "When does the cod ship?"}
    assert all(row["draft"] is True for row in found.values())
    (where,) = found["When does the cod ship?"]["relevant"]
    text = (project / "documents/cod.md").read_text()
    assert text[where["start"] : where["end"]] == where["quote"] == "The cod ships on 9 June"
    assert found["When does the cod ship?"]["expected"] == "9 June"
    for reason in (
        "the passage answers nothing",
        "the quote does not stand in the passage",
        "the model wrote no question, answer and quote",
    ):
        assert f"1 left out: {reason}." in done.output
    assert "2 of 5 cases" in done.output


def test_what_is_drafted_is_a_suite_that_can_be_read(project: Path) -> None:
    done = drafts(project, "--words", "--count", "4")
    assert done.exit_code == 0, done.output
    found = suite(Project(project), "fish")
    assert len(found.cases) == 4
    assert all(case.draft and case.relevant for case in found.cases)


def test_drafts_are_spread_over_the_documents_and_always_the_same() -> None:
    text = "\n\n".join(f"Part {part}. {FILLER}" for part in range(9))
    known = {"source": "documents", "media_type": "text/markdown", "content_hash": "1", "text": text}
    documents = [Document(id=name, uri=f"{name}.md", title=name, **known) for name in ("b", "a", "c")]
    order = [document.uri for document, _ in drafting._passages(documents)]
    assert order[:6] == ["a.md", "b.md", "c.md"] * 2
    assert list(drafting._passages(documents)) == list(drafting._passages(documents[::-1]))


def test_nothing_that_a_person_wrote_is_written_over(project: Path) -> None:
    (project / "evals").mkdir()
    (project / "evals/fish.yaml").write_text("cases: mine.jsonl\n")
    done = drafts(project, "--words")
    assert done.exit_code == 2
    assert "may hold your edits" in done.output
    assert (project / "evals/fish.yaml").read_text() == "cases: mine.jsonl\n"
    assert not (project / "evals/fish.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("../fish", ["--words"], "is no name for a suite"),
        ("fish", ["--words", "--model", "local"], "--words asks no model"),
        ("fish", ["--words", "--from-feedback"], "what shall the cases be made of?"),
    ],
)
def test_mistakes_are_said_in_one_line(project: Path, name: str, more: list[str], said: str) -> None:
    done = drafts(project, *more, name=name)
    assert done.exit_code == 2
    assert said in done.output
    assert not (project / "evals").exists()


def test_an_empty_index_is_said(tmp_path: Path) -> None:
    write(tmp_path / "fish", model=Default.local)
    done = drafts(tmp_path / "fish", "--words")
    assert done.exit_code == 2
    assert "nothing was ingested yet" in done.output


def test_a_model_that_cannot_be_asked_leaves_no_half_a_suite(project: Path) -> None:
    def broken(messages: Messages) -> str:
        raise ValueError("no")

    with serving_rule(broken) as server:
        done = drafts(project, "--count", "3", url=server.url)
    assert done.exit_code == 1
    assert not (project / "evals").exists()
