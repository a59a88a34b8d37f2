"""`ragstone ask` and `ragstone search`: what they print, and with which code they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openai_server import completion, piece, serving, streamed

SHIPS = "When does the halibut project ship?"


def test_an_answer_comes_with_its_place_and_its_words(ingested: Path, run):
    shown = run("ask", SHIPS)
    assert shown.exit_code == 0, shown.output
    assert "The halibut project ships on 3 May 2031. [1]" in shown.stdout
    assert "[1] documents/halibut.md:3  Halibut" in shown.stdout
    assert "“The halibut project ships on 3 May 2031.”" in shown.stdout
    assert "no generative model" in shown.stderr.lower()


def test_json_is_one_object_with_these_keys(ingested: Path, run):
    shown = run("ask", SHIPS, "--json")
    found = json.loads(shown.stdout)
    assert list(found) == [
        "text",
        "parsed",
        "abstained",
        "citations",
        "hits",
        "prompt",
        "model",
        "usage",
        "cost",
        "calls",
        "confidence",
        "cached",
        "verdicts",
        "notices",
        "trace_id",
    ]
    assert set(found["citations"][0]) == {"uri", "page", "heading", "start", "end", "quote", "chunk_id"}
    assert set(found["hits"][0]) == {"uri", "start", "end", "text", "scores"}
    assert found["model"] == "extractive"
    assert found["abstained"] is False
    text = (ingested / "documents" / "halibut.md").read_text()
    for citation in found["citations"]:
        assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_abstaining_has_a_code_of_its_own(ingested: Path, run):
    shown = run("ask", "What is the boiling point of tungsten?", "--json")
    assert shown.exit_code == 3
    found = json.loads(shown.stdout)
    assert found["abstained"] is True
    assert found["citations"] == []


def test_asking_before_ingesting_abstains(project: Path, run):
    shown = run("ask", SHIPS)
    assert shown.exit_code == 3


def test_search_prints_hits_with_every_score(ingested: Path, run):
    found = json.loads(run("search", SHIPS, "--k", "1", "--json").stdout)
    (hit,) = found["hits"]
    assert hit["uri"] == "documents/halibut.md"
    assert set(hit["scores"]) == {"dense", "lexical", "fused", "final"}
    assert "documents/halibut.md:1" in run("search", SHIPS).stdout


def test_search_filters_by_metadata(ingested: Path, run):
    assert json.loads(run("search", SHIPS, "--json", "--where", '{"lang": "de"}').stdout) == {"hits": []}
    assert json.loads(run("search", SHIPS, "--json", "--where", '{"lang": "en"}').stdout)["hits"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "  "], "the question is empty"),
        (["search", SHIPS, "--k", "0"], "k is out of range: expected 1 to 1000, found 0"),
        (["search", SHIPS, "--where", "{"], "--where is not JSON"),
        (["search", SHIPS, "--where", "[1]"], "--where is no filter"),
        (["ask", SHIPS, "--prompt", "anser"], "Did you mean 'answer'?"),
        (["ask", SHIPS, "--pipeline", "anwser"], "Did you mean 'answer'?"),
        (["ask", SHIPS, "--project", "/nowhere/at/all"], "there is no such folder"),
        (["ask", SHIPS, "--project", "/"], "Run: ragstone init mydocs"),
    ],
)
def test_bad_usage_is_one_line_and_code_2(ingested: Path, run, arguments: list[str], words: str):
    shown = run(*arguments)
    assert shown.exit_code == 2, shown.output
    assert words in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1
    assert shown.stdout == ""


def test_debug_prints_the_traceback_too(ingested: Path, run):
    assert "Traceback" in run("ask", " ", "--debug").stderr


def test_a_model_that_cannot_be_reached_is_one_line_and_code_1(ingested: Path, run, monkeypatch: pytest.MonkeyPatch):
    (ingested / "pipelines" / "answer.yaml").write_text("prompt: answer\nroute: {models: [local]}\n")
    monkeypatch.setenv("RAGSTONE_LOCAL_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
    shown = run("ask", SHIPS)
    assert shown.exit_code == 1
    (line,) = shown.stderr.strip().splitlines()
    assert "http://127.0.0.1:9/v1" in line


def test_a_model_without_its_key_is_named_with_the_variable_to_set(tmp_path: Path, run):
    folder = tmp_path / "other"
    assert run("init", folder, "--model", "openai").exit_code == 0
    shown = run("ask", SHIPS, "--project", folder)
    assert shown.exit_code == 2
    assert "OPENAI_API_KEY is not set" in shown.stderr
    assert "export OPENAI_API_KEY" in shown.stderr


def test_a_broken_prompt_file_is_named_with_its_line(ingested: Path, run):
    path = ingested / "prompts" / "answer.prompty"
    path.write_text(path.read_text().replace("{{ question }}", "{{ qestion }}"))
    shown = run("ask", SHIPS)
    assert shown.exit_code == 2
    assert "answer.prompty:" in shown.stderr
    assert "question" in shown.stderr


def test_principals_see_what_names_them_and_nobody_else_does(project: Path, run):
    source = project / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", "acl: {from: sidecar}"))
    (project / "documents" / "halibut.md.acl.yaml").write_text("allow: [group:hr]\n")
    assert run("ingest").exit_code == 0
    assert json.loads(run("search", SHIPS, "--json").stdout)["hits"] == []
    assert json.loads(run("search", SHIPS, "--json", "--principal", "group:it").stdout)["hits"] == []
    assert len(json.loads(run("search", SHIPS, "--json", "--principal", "group:hr").stdout)["hits"]) == 1


def test_tenants_never_meet(ingested: Path, run):
    assert json.loads(run("search", SHIPS, "--json", "--tenant", "acme").stdout)["hits"] == []
    (ingested / "documents" / "halibut.md").write_text("# Acme\n\nThe halibut project ships on 9 June 2044.\n")
    assert run("ingest", "--tenant", "acme").exit_code == 0
    theirs = json.loads(run("search", SHIPS, "--json", "--tenant", "acme").stdout)["hits"]
    ours = json.loads(run("search", SHIPS, "--json").stdout)["hits"]
    assert ["2044" in hit["text"] for hit in theirs] == [True]
    assert ["2031" in hit["text"] for hit in ours] == [True]


def test_an_answer_of_a_form_is_refused_without_a_generative_model(ingested: Path, run):
    text = (ingested / "prompts" / "answer.prompty").read_text(encoding="utf-8")
    outputs = "outputs:\n  - {name: answer}\nmetadata:"
    (ingested / "prompts" / "form.prompty").write_text(text.replace("metadata:", outputs, 1), encoding="utf-8")
    shown = run("ask", SHIPS, "--prompt", "form", "--json")
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert "its answer has a form (outputs), which needs a generative model" in shown.stderr


def test_an_answer_of_a_form_is_printed_parsed(ingested: Path, run, monkeypatch: pytest.MonkeyPatch):
    text = (ingested / "prompts" / "answer.prompty").read_text(encoding="utf-8")
    outputs = "outputs:\n  - {name: answer}\n  - {name: year, kind: integer}\nmetadata:"
    (ingested / "prompts" / "form.prompty").write_text(text.replace("metadata:", outputs, 1), encoding="utf-8")
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "m")
        said = json.dumps({"answer": "It ships on 3 May 2031 [1].", "year": 2031})
        server.will(completion("Hello!"), completion("Hi!"), streamed(piece(said), piece(finish_reason="stop")))
        shown = run("ask", SHIPS, "--prompt", "form", "--json")
        told = server.sent["messages"][-1]["content"]
    assert shown.exit_code == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["parsed"] == {"answer": "It ships on 3 May 2031 [1].", "year": 2031}
    assert found["verdicts"][1] == {"check": "output", "passed": True, "reason": ""}
    assert '"year"' in told


def test_the_share_of_samples_that_agree_is_told(ingested: Path, run, monkeypatch: pytest.MonkeyPatch):
    path = ingested / "prompts" / "answer.prompty"
    votes = "mark: delimit}\n    layers: {cot: {on: true}, self_consistency: {n: 4, stop: none}}"
    text = path.read_text().replace("temperature: 0,", "temperature: 0.7,").replace("mark: delimit}", votes, 1)
    path.write_text(text)
    said = [f"So.\nAnswer: It ships in {month} 2031 [1]." for month in ("May", "May", "June", "May")]
    pieces = [
        json.dumps({"choices": [{"index": place, "delta": {"content": one}, "finish_reason": "stop"}]})
        for place, one in enumerate(said)
    ]
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "m")
        server.will(streamed(*pieces))
        shown = run("ask", SHIPS)
    assert shown.stdout.startswith("It ships in May 2031 [1].")
    assert "confidence: 75 % of the samples agree (4 calls)" in shown.stderr
