"""`tune` and `eval compare`: what is shown, and what is written."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write

pytestmark = pytest.mark.slow

COUNT = 20
RULES = (
    "It is signed by the head of the office, copied twice, and sent to the archive before the end of the month. "
    "Whoever travels keeps one copy. The cashier pays what the form says within ten days, and asks for nothing else. "
    "A form without a signature goes back to the traveller, who signs it and sends it again with the next post."
)
DENSE = "retrieve: {mode: dense, candidates: 100, k: 8}  # how"


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of forms that only their numbers tell apart, and a file of questions; it searches by vectors alone."""
    project = tmp_path_factory.mktemp("forms") / "mydocs"
    write(project, model=Default.extractive)
    (project / "documents").mkdir(exist_ok=True)
    rows: list[str] = []
    for number in range(COUNT):
        code = f"q{(number * 7919 + 1009) % 10007:05}"
        text = f"# Form\n\nThe form {code} is filled in by hand. {RULES}\n"
        (project / "documents" / f"{number:02}.md").write_text(text)
        rows.append(json.dumps({"question": code, "relevant": [f"documents/{number:02}.md"]}))
    (project / "questions.jsonl").write_text("\n".join(rows) + "\n")
    answer = project / "pipelines" / "answer.yaml"
    lines = [DENSE if line.startswith("retrieve:") else line for line in answer.read_text().splitlines()]
    answer.write_text("\n".join(lines) + "\n")
    with ragstone.open(project) as rag:
        rag.ingest()
    return project


@pytest.fixture
def coded(forms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which is the current folder."""
    monkeypatch.chdir(shutil.copytree(forms, tmp_path / "mydocs"))
    return tmp_path / "mydocs"


def test_a_real_gain_is_written_and_a_second_run_finds_nothing_to_change(coded: Path, run):
    answer = coded / "pipelines" / "answer.yaml"
    before = answer.read_text()
    shown = run("tune", "--questions", "questions.jsonl", "--plot", "tuning.svg")
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) <= 80
    words = " ".join(shown.stdout.split())
    assert f"{COUNT} questions of yours." in words
    assert "is better than the current pipeline: +" in words
    assert "pipelines/answer.yaml was changed:" in words
    after = answer.read_text()
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert len(changed) == 1
    assert changed[0].startswith("retrieve: {mode: ")
    assert changed[0].endswith("}  # how")
    assert "mode: dense" not in changed[0]
    assert run("check").exit_code == 0
    picture = ET.parse(coded / "tuning.svg").getroot()
    names = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"current", "BM25 alone", "RRF"} <= set(names)

    again = json.loads(run("tune", "--questions", "questions.jsonl", "--json").stdout)
    assert (again["real"], again["retrieve"], again["written"]) == (False, {}, None)
    assert answer.read_text() == after


def test_a_dry_run_shows_what_would_change(coded: Path, run):
    answer = coded / "pipelines" / "answer.yaml"
    before = answer.read_text()
    shown = run("tune", "--questions", "questions.jsonl", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert f"- {DENSE}" in shown.stdout
    assert "was not changed" in shown.stdout
    assert answer.read_text() == before


def test_drafted_questions_are_written_for_editing_and_change_nothing(coded: Path, run):
    answer = coded / "pipelines" / "answer.yaml"
    before = answer.read_text()
    shown = run("tune", "--draft", "drafted.jsonl")
    assert shown.exit_code == 0, shown.output
    assert "drafted from headings and first sentences" in " ".join(shown.stdout.split())
    assert answer.read_text() == before
    drafted = [json.loads(line) for line in (coded / "drafted.jsonl").read_text().splitlines()]
    assert len(drafted) == COUNT  # the heading stands in every form, and asks for none of them
    assert drafted[0]["relevant"] == ["documents/00.md"]
    assert drafted[0]["question"].startswith("The form q")

    again = run("tune", "--draft", "drafted.jsonl")
    assert again.exit_code == 2
    assert "may hold your edits" in again.stderr


def test_a_document_that_is_not_there_is_named_with_the_nearest(coded: Path, run):
    (coded / "wrong.jsonl").write_text('{"question": "q01009", "relevant": ["document/00.md"]}\n')
    shown = run("tune", "--questions", "wrong.jsonl")
    assert shown.exit_code == 2
    assert "wrong.jsonl:1" in shown.stderr
    assert "Did you mean 'documents/00.md'?" in shown.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("when?", "is no question"),
        ('{"relevant": ["documents/00.md"]}', "'question' is missing"),
        ('{"question": "when?", "relevant": []}', "'relevant' is no list"),
    ],
)
def test_a_line_that_is_no_question_is_named(ingested: Path, run, line: str, words: str):
    (ingested / "wrong.jsonl").write_text("\n" + line + "\n")
    shown = run("tune", "--questions", "wrong.jsonl")
    assert shown.exit_code == 2
    assert f"wrong.jsonl:2: {words}" in shown.stderr


def test_sizes_of_chunks_are_compared_with_the_current_one(coded: Path, run):
    shown = run("tune", "--questions", "questions.jsonl", "--sizes", "60", "--dry-run", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert [row["size"] for row in found["sizes"]["rows"]] == [250, 60]
    assert "Chunks of 250 tokens stay" in found["findings"][-1]
    assert not (coded / ".ragstone" / "eval").exists()


def test_a_collection_has_an_index_of_its_own_and_changes_nothing(coded: Path, run):
    data = coded / "collection"
    data.mkdir()
    given = [json.loads(line) for line in (coded / "questions.jsonl").read_text().splitlines()]
    texts = [{"_id": f"d{at}", "text": f"About {row['question']}, a form."} for at, row in enumerate(given)]
    asked = [{"_id": f"q{at}", "text": row["question"]} for at, row in enumerate(given)]
    for name, rows in (("corpus", texts), ("queries", asked)):
        (data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (data / "qrels.tsv").write_text("".join(f"q{at}\td{at}\t1\n" for at in range(len(given))))
    before = (coded / "pipelines" / "answer.yaml").read_text()
    found = json.loads(run("tune", "--questions", "collection", "--json").stdout)
    assert (found["origin"], found["written"]) == ("collection", None)
    assert found["questions"] == {"choosing": COUNT // 2, "judging": COUNT // 2}
    assert (coded / "pipelines" / "answer.yaml").read_text() == before


def test_nothing_ingested_and_wrong_sizes_are_said(project: Path, run):
    assert "Run: ragstone ingest" in run("tune").stderr
    assert "there is no such folder" in run("tune", "--plot", "nowhere/tuning.svg").stderr
    shown = run("tune", "--sizes", "100,many")
    assert shown.exit_code == 2
    assert "--sizes is no list of sizes" in shown.stderr


def test_two_runs_are_compared_question_by_question(tmp_path: Path, run):
    for name, figure in (("a", 0.25), ("b", 0.75)):
        rows = [json.dumps({"id": f"q{number}", "ndcg@10": figure}) for number in range(30)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    shown = run("eval", "compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert shown.exit_code == 0, shown.output
    assert "+0.5000 to +0.5000" in shown.stdout
    found = json.loads(run("eval", "compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--json").stdout)
    assert found["ndcg@10"]["better"] == 30
