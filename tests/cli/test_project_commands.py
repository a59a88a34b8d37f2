"""`init`, `check`, `prompt explain`, `trace`, `chat`, `serve`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ragstone.cli.app import app
from ragstone.errors import ToolFailed
from ragstone.trace import Trace
from ragstone.tracing.store import TraceStore


def test_init_writes_a_project_that_has_no_faults(project: Path, run):
    for name in ("documents", "connectors", "pipelines", "prompts", "pyproject.toml", ".gitignore"):
        assert (project / name).exists()
    shown = run("check")
    assert shown.exit_code == 0, shown.output
    assert "No faults found." in shown.stdout


def test_init_refuses_a_project_and_overwrites_nothing(project: Path, run):
    before = (project / "connectors" / "documents.yaml").read_text()
    shown = run("init", project)
    assert shown.exit_code == 2
    assert "project already" in shown.stderr
    assert (project / "connectors" / "documents.yaml").read_text() == before


def test_init_makes_a_project_of_a_folder_that_has_a_pyproject(tmp_path: Path, run):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert run("init", tmp_path).exit_code == 0
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "x"\n')
    assert "[tool.ragstone]" in text


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("pipelines/answer.yaml", "dense_weight", "dense_wieght", "unknown key 'retrieve.dense_wieght'"),
        ("pipelines/answer.yaml", "k: 8", "k: many", "retrieve.k"),
        ("pipelines/answer.yaml", "prompt: answer", "prompt: anser", "Did you mean 'answer'?"),
        ("pipelines/answer.yaml", "[local, extractive]", "[lokal]", "Did you mean 'local'?"),
        ("pipelines/answer.yaml", "k: 8", "rerank: {by: minilm}, k: 8", "'minilm' is of kind embedder"),
        ("pipelines/answer.yaml", "k: 8", "rerank: {by: croma}, k: 8", "Did you mean 'chroma'?"),
        ("pipelines/ingest.yaml", "store: chroma", "store: minilm", "'minilm' is of kind embedder"),
        ("pipelines/ingest.yaml", "[documents]", "[]", "sources"),
        ("pipelines/ingest.yaml", "size: 250", "sise: 250", "unknown key 'sise'"),
        ("pipelines/ingest.yaml", "size: 250", "size: 100000", "size is out of range"),
        ("pipelines/answer.yaml", "index: ingest", "index: answer", "ingests nothing"),
        ("connectors/documents.yaml", "path: documents", "path: nowhere", "there is no such folder"),
        ("connectors/documents.yaml", "kind: source", "a: &a [*a]\nkind: source", "nested too deeply"),
        ("pipelines/ingest.yaml", "by: sentences", "by: sentence", "Did you mean 'sentences'?"),
        ("connectors/openai.yaml", "type: openai", "type: openai\nmodle: x", "unknown key 'modle'"),
        (
            "connectors/extractive.yaml",
            "embedder: minilm",
            "embedder: minilm\nsentences: 0",
            "sentences is out of range",
        ),
        ("pyproject.toml", "[tool.ragstone]", "[tool.ragstone]\nplugin = true", "unknown key 'plugin'"),
        ("connectors/chroma.yaml", "type: chroma", "type: chrome", "Did you mean 'chroma'?"),
        ("connectors/documents.yaml", "acl: public", "acl: everyone", "acl"),
        ("connectors/documents.yaml", "path: documents", "paht: documents", "Did you mean 'path'?"),
        ("connectors/minilm.yaml", "kind: embedder", "kind: embeder", "Did you mean 'embedder'?"),
        ("prompts/answer.prompty", "temperature: 0", "temprature: 0", "temprature"),
        ("prompts/answer.prompty", "{{ question }}", "{{ question", "is no template"),
    ],
)
def test_check_names_every_fault_with_file_and_line(project: Path, run, file: str, old: str, new: str, words: str):
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    shown = run("check")
    assert shown.exit_code == 2
    line = next(line for line in shown.stdout.splitlines() if words in line)
    name, number, _ = line.split(":", 2)
    assert name == file
    assert 1 <= int(number) <= len(path.read_text().splitlines())
    faults = json.loads(run("check", "--json").stdout)["faults"]
    assert any(words in f"{fault['message']} {fault['hint']}" for fault in faults)


def test_check_reads_the_calibration_of_the_semantic_cache(project: Path, run):
    path, fitted = project / "pipelines" / "answer.yaml", project / "pipelines" / "answer.cache.json"
    text = path.read_text().replace("cache: {exact: true, store: redis}", "cache: {semantic: {bound: 0.01}}")
    path.write_text(text)
    assert "calibrated for a higher bound" in run("check").stdout.replace("\n", " ")
    path.write_text(text.replace("0.01", "0.05"))
    assert "No faults found." in run("check").stdout
    fitted.write_text("{")
    assert run("check").stdout.startswith("pipelines/answer.cache.json: cannot be read")


def test_check_shows_all_faults_at_once(project: Path, run):
    (project / "pipelines" / "answer.yaml").write_text("promt: answer\nretreive: {}\n")
    (project / "connectors" / "chroma.yaml").write_text("kind: [")
    lines = run("check").stdout.splitlines()
    assert len([line for line in lines if line.startswith("pipelines/answer.yaml")]) == 3
    assert any(line.startswith("connectors/chroma.yaml:1:") for line in lines)


def test_check_warns_of_a_model_that_verifies_itself_and_finds_no_fault(project: Path, run):
    path = project / "prompts" / "answer.prompty"
    path.write_text(path.read_text().replace("    passages:", "    layers: {reflect: {verifier: self}}\n    passages:"))
    shown = run("check")
    assert shown.exit_code == 0
    assert "No faults found." in shown.stdout
    assert "prompts/answer.prompty:18:24: a model that criticises itself" in shown.stderr.replace("\n", " ")
    assert "from 95.5 to 89.0 % on GSM8K" in shown.stderr.replace("\n", " ")
    (warning,) = json.loads(run("check", "--json").stdout)["warnings"]
    assert "verifier: judge" in warning["hint"]


def test_explain_works_on_an_empty_index_and_shows_the_exact_messages(project: Path, run):
    shown = run("prompt", "explain", "answer", "--set", "question=When does it ship?", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert [message["role"] for message in found["messages"]] == ["system", "user"]
    assert "When does it ship?" in found["messages"][-1]["content"]
    assert {slot["name"]: slot["trust"] for slot in found["slots"]} == {
        "canary": "author",
        "passages": "retrieved",
        "question": "user",
    }


def test_explain_says_how_long_a_prompt_is_and_what_was_left_out(ingested: Path, run):
    path = ingested / "prompts" / "answer.prompty"
    whole = json.loads(
        run("prompt", "explain", "--set", "question=When does the halibut project ship?", "--json").stdout
    )
    assert whole["shed"] == []
    assert 0 < whole["stable_prefix_tokens"] < whole["tokens"]
    path.write_text(path.read_text().replace("spec: 1\n", f"spec: 1\n    budget: {{total: {whole['tokens'] + 799}}}\n"))
    less = json.loads(
        run("prompt", "explain", "--set", "question=When does the halibut project ship?", "--json").stdout
    )
    assert [unit["kind"] for unit in less["shed"]] == ["passages"]
    assert less["tokens"] < whole["tokens"]
    shown = run("prompt", "explain", "--set", "question=When does the halibut project ship?").output
    assert f"{less['tokens']} tokens (estimated)" in shown
    assert f"{less['stable_prefix_tokens']} of them the same in every request" in " ".join(shown.split())
    unit = less["shed"][0]
    assert f"left out: {unit['unit']} (passages, {unit['tokens']} tokens)" in shown


def test_explain_shows_the_passages_that_would_be_sent(ingested: Path, run):
    shown = run("prompt", "explain", "--set", "question=When does the halibut project ship?")
    assert "[1] documents/halibut.md › Halibut" in shown.stdout
    assert "ships on 3 May 2031" in shown.stdout


def test_explain_names_the_special_tokens_that_were_broken_up(project: Path, run):
    asked = ("prompt", "explain", "--set", "question=What is <|im_start|>?")
    assert "question: broken up with a space: <|im_start|>" in run(*asked).stderr
    slots = json.loads(run(*asked, "--json").stdout)["slots"]
    assert {slot["name"]: slot.get("broken") for slot in slots} == {
        "canary": None,
        "passages": None,
        "question": ["<|im_start|>"],
    }


def test_explain_needs_no_model_and_has_an_example_question(tmp_path: Path, run):
    folder = tmp_path / "other"
    run("init", folder, "--model", "openai")
    assert run("prompt", "explain", "--project", folder).exit_code == 0


def test_explain_refuses_what_is_no_pair(project: Path, run):
    assert run("prompt", "explain", "--set", "question").exit_code == 2


def test_a_trace_shows_each_step_of_the_last_request(ingested: Path, run):
    run("ask", "When does the halibut project ship?")
    shown = run("trace", "show")
    assert shown.exit_code == 0
    for step in ("retrieve", "retrieve.dense", "retrieve.lexical", "prompt", "generate", "check.citations"):
        assert step in shown.stdout
    newest = json.loads(run("trace", "list", "--json").stdout)[0]
    assert newest["facts"]["question"] == "When does the halibut project ship?"
    assert newest["facts"]["outcome"] == "answered"
    assert json.loads(run("trace", "show", newest["id"][:5], "--json").stdout)["id"] == newest["id"]


def test_a_trace_shows_the_facts_of_a_step_that_failed_and_the_notices_of_the_answer(project: Path, run):
    trace = Trace("ask")
    with suppress(ToolFailed), trace.step("tool.days", given="in a week", raised=""):
        raise ToolFailed("these are not two dates")
    with trace.step("layer.tree_of_thoughts", path=["a"], tried=[{"thought": "go on", "score": 1}, {"score": 0}]):
        pass
    traces = TraceStore(project / ".ragstone" / "traces.db")
    traces.keep(trace, tenant="default", notices=["Mind the gap.", "Twice."])
    traces.close()
    shown = run("trace", "show").stdout
    assert "  notice: Mind the gap.\n  notice: Twice.\n" in shown
    lines = [line.strip() for line in shown.splitlines()]
    assert 'given="in a week"' in shown
    assert "raised=" not in shown
    assert "ToolFailed: these are not two dates" in lines
    assert [*lines[-2:]] == ['- thought="go on" score=1', "- score=0"]


def test_a_trace_that_is_not_there_is_said(project: Path, run):
    assert "there are no traces yet" in run("trace", "show").stderr
    assert run("trace", "show", "zzz").exit_code == 2


def test_chat_understands_a_follow_up(ingested: Path):
    shown = CliRunner().invoke(app, ["chat", "--json"], input="When does the halibut project ship?\nWho leads it?\n")
    assert shown.exit_code == 0, shown.output
    first, second = (json.loads(line) for line in shown.stdout.splitlines())
    assert "2031" in first["text"]
    assert "Ana Ruiz" in second["text"]


def test_chat_goes_on_after_an_empty_answer_and_ends_at_the_end_of_input(ingested: Path):
    shown = CliRunner().invoke(app, ["chat"], input="What is the melting point of tungsten?\n\n")
    assert shown.exit_code == 0
    assert "tungsten" not in shown.stdout


def test_every_command_explains_itself_in_80_columns(run):
    names = [
        "init",
        "ingest",
        "ask",
        "search",
        "chat",
        "check",
        "serve",
        "tune",
        "prompt explain",
        "prompt list",
        "prompt show",
        "prompt diff",
        "prompt lint",
        "prompt test",
        "prompt new",
        "trace list",
        "trace show",
    ]
    for name in names:
        shown = run(*name.split(), "--help")
        assert shown.exit_code == 0
        assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    for name in names[1:]:
        assert "--project" in run(*name.split(), "--help").stdout
