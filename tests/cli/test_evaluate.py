"""`ragstone eval`: what it prints, what it keeps, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ragstone.cli.app import app
from ragstone.connectors.openvino import embedder
from ragstone.evaluation.datasets.layouts import read_judged
from ragstone.evaluation.datasets.scratch import opened

FACTS = {
    "moons": "Jupiter has ninety-five moons that astronomers recognise.",
    "tower": "The Eiffel Tower in Paris is 330 metres tall.",
    "bread": "Rye bread is baked with sourdough for an hour.",
}
ASKED = {"moons": "How many moons does Jupiter have?", "tower": "How tall is the Eiffel Tower?"}
REPORT = ["metrics", "intervals", "config", "seconds", "documents", "chunks", "queries", "milliseconds"]


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def said(*arguments: object) -> dict[str, Any]:
    result = evaluate(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an index of its own. Token vectors are made by its second pipeline alone: they cost seconds."""
    folder = tmp_path_factory.mktemp("project") / "mydocs"
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    pipelines = folder / "pipelines"
    ingest, answer = (pipelines / f"{name}.yaml" for name in ("ingest", "answer"))
    (pipelines / "fine.yaml").write_text(ingest.read_text())
    (pipelines / "precise.yaml").write_text(answer.read_text().replace("index: ingest", "index: fine"))
    ingest.write_text(f"{ingest.read_text()}tokens: false\n")
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    assert CliRunner().invoke(app, ["ingest", "--project", str(folder)]).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def _in_the_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Documents with judgements, in a folder whose name no server would take for a collection's."""
    folder = tmp_path / "my data (v2)"
    folder.mkdir()
    corpus = [{"_id": id_, "title": id_.title(), "text": text} for id_, text in FACTS.items()]
    (folder / "corpus.jsonl").write_text(lines([*corpus, {"_id": "blank", "text": " "}]))
    (folder / "queries.jsonl").write_text(lines([{"_id": f"q-{id_}", "text": text} for id_, text in ASKED.items()]))
    (folder / "qrels.tsv").write_text("".join(f"q-{id_}\t{id_}\t1\n" for id_ in ASKED))
    return folder


def held(project: Path) -> dict[str, Any]:
    """What a person sees of the project's own index."""
    shown = [
        CliRunner().invoke(app, [*words, "--json"]) for words in (["index", "status"], ["search", "halibut moons"])
    ]
    status, found = (json.loads(result.stdout) for result in shown)
    del status["sizes"]  # of everything in the folder, a kept index too
    return {"status": status, "hits": found, "there": sorted(path.name for path in (project / ".ragstone").iterdir())}


def test_documents_with_judgements_are_measured_and_nothing_stays(
    project: Path, judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = held(project)
    found = said("retrieval", judged, "--per-query", tmp_path / "each.jsonl")
    assert list(found) == REPORT
    assert found["metrics"] == {"ndcg@10": 1.0, "recall@10": 1.0, "mrr@10": 1.0}
    assert found["intervals"] == {name: [1.0, 1.0] for name in found["metrics"]}
    assert (found["documents"], found["chunks"], found["queries"]) == (4, 3, 2)
    assert {"pipeline", "index", "retrieve", "fingerprint", "store", "lexical"} <= found["config"].keys()
    assert (found["config"]["pipeline"], found["config"]["store"]) == ("answer", "chroma")
    assert found["config"]["retrieve"]["k"] == 8
    each = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert each == [{"id": f"q-{id_}", "ndcg@10": 1.0, "recall@10": 1.0, "mrr@10": 1.0} for id_ in ASKED]
    assert list(temporary.iterdir()) == []
    assert held(project) == before


def test_a_kept_index_is_nobodys_documents(project: Path, judged: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedder, "FITTED", 800)  # words; enough for three sentences
    before = held(project)
    shown = evaluate("retrieval", judged, "--keep", "--pipeline", "precise")
    assert shown.exit_code == 0, shown.output
    assert [line.split()[0] for line in shown.stdout.splitlines()[1:4]] == ["ndcg@10", "recall@10", "mrr@10"]
    assert "2 questions, 4 documents, 3 chunks" in shown.stdout
    after = held(project)
    assert after == {**before, "there": sorted([*before["there"], "eval"])}


async def ingested(project: Path, judged: Path) -> tuple[int, ...]:
    """How an evaluation found its kept index."""
    async with opened(project, read_judged(judged), keep=True) as scratch:
        report = scratch.report
        return report.added, report.changed, report.unchanged, report.removed


def test_only_what_changed_in_a_data_set_is_ingested_again(project: Path, judged: Path):
    judged = judged.rename(judged.with_name("again"))
    assert asyncio.run(ingested(project, judged)) == (3, 0, 0, 0)
    assert asyncio.run(ingested(project, judged)) == (0, 0, 3, 0)
    path = judged / "corpus.jsonl"
    path.write_text(path.read_text().replace("ninety-five", "ninety-seven"))
    assert asyncio.run(ingested(project, judged)) == (0, 1, 2, 0)


def test_characters_of_whole_documents_are_measured(tmp_path: Path):
    text = "# Facts\r\n\r\n" + "\r\n\r\n".join(FACTS.values()) + "\r\n"
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "facts.md").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "corpora" / "other.md").write_text("# Boats\n\nThe boat leaves at noon, and it is slow.\n")
    questions = [
        {
            "corpus_id": "facts",
            "question": question,
            "references": [{"start_index": text.index(FACTS[id_]), "end_index": text.index(FACTS[id_]) + 50}],
        }
        for id_, question in ASKED.items()
    ]
    (tmp_path / "questions.jsonl").write_text(lines(questions))
    found = said("chunks", tmp_path)
    assert list(found["metrics"]) == ["recall", "precision", "iou"]
    assert found["metrics"]["recall"] > 0.85  # a reference of 50 characters may reach into the next line
    assert 0 < found["metrics"]["iou"] <= found["metrics"]["precision"] < 1
    assert (found["documents"], found["queries"]) == (2, 2)


def test_answers_of_one_language_are_measured(tmp_path: Path):
    passages = [{"id": id_, "text": text, "lang": "en"} for id_, text in FACTS.items()]
    german = {"id": "turm", "text": "Der Turm ist 330 Meter hoch.", "lang": "de"}
    (tmp_path / "passages.jsonl").write_text(lines([*passages, german]))
    right = {"moons": "ninety-five", "tower": "twelve metres"}
    questions = [
        {"id": id_, "question": text, "passage_id": id_, "answers": [{"text": right[id_]}], "lang": "en"}
        for id_, text in ASKED.items()
    ]
    (tmp_path / "questions.jsonl").write_text(
        lines([*questions, {"question": "Wie hoch?", "passage_id": "turm", "answers": [{"text": "330"}], "lang": "de"}])
    )
    found = said("qa", tmp_path, "--lang", "en", "--per-query", tmp_path / "each.jsonl")
    assert list(found["metrics"]) == ["hit@1", "hit@5", "answer_contained", "exact", "f1"]
    assert (found["documents"], found["queries"]) == (3, 2)
    each = {row.pop("id"): row for row in map(json.loads, (tmp_path / "each.jsonl").read_text().splitlines())}
    assert (each["moons"]["hit@1"], each["moons"]["hit@5"], each["moons"]["answer_contained"]) == (1, 1, 1)
    assert (each["tower"]["hit@1"], each["tower"]["answer_contained"], each["tower"]["exact"]) == (1, 0, 0)
    assert 0 < each["tower"]["f1"] < each["moons"]["f1"] < 1
    shown = evaluate("qa", tmp_path, "--lang", "fr")
    assert shown.exit_code == 2
    assert "no passage is in the language 'fr'" in shown.stderr


@pytest.fixture
def passages(tmp_path: Path) -> Path:
    """Passages in two languages, and a question to each of those in English."""
    texts = [{"id": id_, "text": text, "lang": "en"} for id_, text in FACTS.items()]
    german = {"id": "turm", "text": "Der Eiffelturm in Paris ist 330 Meter hoch.", "lang": "de"}
    (tmp_path / "passages.jsonl").write_text(lines([*texts, german]))
    answers = {"moons": "ninety-five", "tower": "330 metres"}
    asked = [
        {"id": id_, "question": text, "passage_id": id_, "answers": [{"text": answers[id_]}], "lang": "en"}
        for id_, text in ASKED.items()
    ]
    hoch = {"id": "hoch", "question": "Wie hoch ist der Eiffelturm?", "passage_id": "turm", "lang": "de"}
    (tmp_path / "questions.jsonl").write_text(lines([*asked, {**hoch, "answers": [{"text": "330"}]}]))
    return tmp_path


def test_abstaining_is_measured_with_the_passage_and_without(passages: Path):
    plot = passages / "curve.png"
    found = said("abstain", passages, "--plot", plot)
    assert list(found) == ["de", "en"]
    english = found["en"]
    assert (english["questions"], english["answered"], english["refused"], english["right"]) == (2, 1.0, 1.0, 1.0)
    assert english["aurc"] == english["aurc_least"] < english["aurc_chance"] == 0.5
    assert (english["curve"][0]["risk"], english["curve"][-1]["coverage"]) == (0.0, 1.0)
    assert (found["de"]["questions"], found["de"]["refused"]) == (1, 1.0)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_abstaining_prints_a_line_for_each_language(passages: Path):
    shown = evaluate("abstain", passages, "--lang", "en", "--limit", "1")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[1].split()[:2] == ["en", "1"]
    assert "AURC" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lang", "fr"], "no passage is in the language 'fr'"),
        (["--plot", "curve.gif"], "--plot: is no kind of picture"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_abstaining_says_what_cannot_be_measured(passages: Path, options: list[str], words: str):
    shown = evaluate("abstain", passages, *options)
    assert shown.exit_code == 2
    assert words in shown.stderr


def test_a_wrong_line_is_named_before_anything_is_ingested(judged: Path):
    with (judged / "queries.jsonl").open("a") as file:
        file.write("{\n")
    shown = evaluate("retrieval", judged)
    assert shown.exit_code == 2
    assert "queries.jsonl:3: is not JSON" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pipeline", "anwser"], "Did you mean 'answer'?"),
        (["--per-query", "nowhere/each.jsonl"], "--per-query: there is no such folder: found nowhere"),
        (["--project", "/"], "this is no Ragstone project"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(judged: Path, arguments: list[str], words: str):
    shown = evaluate("retrieval", judged, *arguments)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1
