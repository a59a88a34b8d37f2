"""Bad input on the command line is one line, with a file and a line where a file is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragstone.cli.app import app
from ragstone.connectors.openvino.cache import Cache
from ragstone.connectors.openvino.weights import DEFAULT_MODEL, find_model
from servers import free_port

SHIPS = "When does the halibut project ship?"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--k", "0"], "k is out of range"),
        (["--k", "-1"], "k is out of range"),
        (["--k", "1000000"], "k is out of range"),
        (["--where", '{"$and": [' * 40 + "{}" + "]}" * 40], "nested too deeply"),
        (["--where", '{"year": NaN}'], "text, a number"),
        (["--where", "[1]"], "--where is no filter"),
    ],
)
def test_a_wrong_argument_is_one_line_and_code_2(ingested: Path, run, arguments: list[str], words: str):
    shown = run("search", SHIPS, *arguments)
    assert shown.exit_code == 2, shown.output
    (line,) = shown.stderr.strip().splitlines()
    assert words in line


@pytest.mark.parametrize("question", ["\0 halibut", "\x1b[31m[/b] halibut", "halibut " * 13_000])
def test_an_odd_question_is_answered_and_shown_in_its_trace(ingested: Path, question: str):
    shown = CliRunner().invoke(app, ["search", "-", "--json"], input=question)
    assert len(json.loads(shown.stdout)["hits"]) == 1
    for command in (["trace", "list"], ["trace", "show"]):
        shown = CliRunner().invoke(app, command)
        assert shown.exit_code == 0, shown.output
        assert "\x1b" not in shown.stdout
        assert "\0" not in shown.stdout
        assert "halibut" in shown.stdout


def test_traces_can_be_looked_at_as_somebody(ingested: Path, run):
    assert run("search", SHIPS, "--principal", "group:hr").exit_code == 0
    assert [trace["name"] for trace in json.loads(run("trace", "list", "--json").stdout)] == ["search", "ingest"]
    theirs = json.loads(run("trace", "list", "--json", "--principal", "group:hr").stdout)
    assert [trace["name"] for trace in theirs] == ["search"]
    assert json.loads(run("trace", "list", "--json", "--principal", "group:it").stdout) == []


def test_a_store_that_is_down_is_one_line_and_words_alone_find(ingested: Path, run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAGSTONE_CHROMA_URL", f"http://127.0.0.1:{free_port()}")
    shown = run("search", SHIPS)
    assert shown.exit_code == 1
    (line,) = shown.stderr.strip().splitlines()
    assert "the Chroma server does not answer" in line

    pipeline = ingested / "pipelines" / "answer.yaml"
    pipeline.write_text(
        "prompt: answer\nroute: {models: [extractive]}\nretrieve: {lexical_only: true, diversify: {mmr: 0.5}}\n"
    )
    assert len(json.loads(run("search", SHIPS, "--json").stdout)["hits"]) == 1
    steps = {step["name"]: step for step in json.loads(run("trace", "show", "--json").stdout)["steps"]}
    assert "only words were searched" in steps["retrieve.fallback"]["facts"]["note"]
    assert "retrieve.dense" not in steps


def test_an_index_of_another_embedder_says_what_to_do_and_is_made_anew(ingested: Path, run):
    model = find_model(DEFAULT_MODEL, Cache(None), path=None, download=True)
    folder = ingested / "models"
    folder.mkdir()
    for path in (model / name for name in ("model.safetensors", "tokenizer.json", "config.json")):
        (folder / path.name).symlink_to(path)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')  # other windows, other vectors
    (ingested / "connectors" / "minilm.yaml").write_text("kind: embedder\ntype: openvino\npath: models\n")
    pipeline = ingested / "pipelines" / "ingest.yaml"
    pipeline.write_text(pipeline.read_text().replace("size: 250", "size: 100"))
    shown = run("search", SHIPS)
    assert shown.exit_code == 1
    assert "the index was built by another embedder" in shown.stderr
    assert "ragstone ingest" in shown.stderr.splitlines()[-1]
    assert json.loads(run("ingest", "--json").stdout)["changed"] == 1
    assert len(json.loads(run("search", SHIPS, "--json").stdout)["hits"]) == 1


@pytest.mark.parametrize(
    ("settings", "line", "words"),
    [
        ("retrieve:\n  dense_wieght: 0.5\n", 4, "dense_weight"),
        ("retrieve:\n  mode: hybrid\n  dense_weight: 2\n", 5, "dense_weight"),
        ("retrieve:\n  rerank:\n    by: crossencoder\n", 5, "there is no connector 'crossencoder'"),
        ("retrieve:\n  rerank: {by: minilm}\n", 4, "'minilm' is of kind embedder"),
        ("retrieve:\n  k: 0\n", 4, "k"),
    ],
)
def test_what_is_wrong_in_retrieve_is_named_with_its_line(project: Path, run, settings: str, line: int, words: str):
    (project / "pipelines" / "answer.yaml").write_text(f"prompt: answer\nroute: {{models: [extractive]}}\n{settings}")
    shown = run("check")
    assert shown.exit_code == 2
    (fault,) = (row for row in shown.stdout.splitlines() if "answer.yaml" in row)
    assert f"pipelines/answer.yaml:{line}:" in fault
    assert words in fault
