"""`ragstone prompt auto-cot`; the model is a server on this machine, the embedder the one that ships."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openai_server import Reply, Server, failure, piece, serving, streamed
from terminals import SECONDS, terminal

USAGE = {"prompt_tokens": 200, "completion_tokens": 20, "total_tokens": 220}
KINDS = {
    "apples": ["How many apples are in two full boxes?", "How many apples are left in the boxes?"],
    "trains": ["When does the night train to Vienna leave?", "When does the night train to Graz leave?"],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
        yield server


@pytest.fixture
def sums(project: Path, run) -> Path:
    """A prompt of the project that takes a question alone."""
    path = project / "prompts" / "sums.prompty"
    path.write_text("---\ninputs: [{name: question, required: true}]\n---\nuser:\n{{ question }}\n", encoding="utf-8")
    rows = [{"question": text, "id": text[-12:]} for texts in KINDS.values() for text in texts]
    (project / "q.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture
def made(project: Path) -> Path:
    return project / "prompts" / "examples" / "sums.auto.jsonl"


def said(text: str) -> Reply:
    return streamed(piece(text), piece(finish_reason="stop"), json.dumps({"choices": [], "usage": USAGE}))


GOOD = said("One after the other.\nAnswer: so")
BUILD = ("prompt", "auto-cot", "sums", "--questions", "q.jsonl", "--k", "2")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def priced(project: Path) -> None:
    path = project / "connectors" / "local.yaml"
    text = path.read_text(encoding="utf-8")
    assert "price: {input: 0, output: 0}" in text
    path.write_text(text.replace("price: {input: 0, output: 0}", "price: {input: 10, output: 100}"), encoding="utf-8")


def test_it_says_what_it_costs_builds_and_says_what_to_do_next(sums: Path, made: Path, project: Path, server, run):
    priced(project)
    server.will(GOOD, GOOD)
    shown = run(*BUILD)
    assert shown.exit_code == 0, shown.output
    assert "4 questions in 2 groups." in shown.stderr
    most = re.search(r"At most 4 calls of local, at most (0\.1\d+) USD\.", shown.stderr)
    assert most is not None
    assert float(most[1]) > 4 * 400 * 100 / 1e6, "the answers alone, as long as they may be"
    assert "2 calls of the model, 440 tokens, 0.008 USD" in shown.stderr
    assert max(map(len, shown.output.splitlines())) <= 80
    assert "Saved: prompts/examples/sums.auto.jsonl" in shown.stdout
    assert 'set "gold": true' in shown.stdout
    found = rows(made)
    assert [row["gold"] for row in found] == [False, False]
    assert {row["inputs"]["question"].split()[2] for row in found} == {"apples", "the"}, "one of each kind"
    assert {row["id"] for row in found} <= {text[-12:] for texts in KINDS.values() for text in texts}
    assert len(server.requests) == 2
    lines = shown.stdout[shown.stdout.index("  ragstone:\n") :].split("\n\n")[0]
    sums.write_text(sums.read_text(encoding="utf-8").replace("\n---\nuser", f"\nmetadata:\n{lines}\n---\nuser"))
    explained = run("prompt", "explain", "sums", "--set", "question=Why?")
    assert explained.exit_code == 0, explained.output
    assert explained.stdout.count("One after the other.\nAnswer: so") == 2
    assert "examples" not in run("prompt", "lint", "sums").stdout


def test_json_is_one_object(sums: Path, made: Path, server: Server, run):
    server.will(said("I do not know."), GOOD)
    shown = run("prompt", "auto-cot", "sums", "--questions", "q.jsonl", "--k", "1", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert (found["saved"], found["copy"], found["file"]) == (str(made), None, "examples/sums.auto.jsonl")
    assert (found["examples"], found["calls"], found["tokens"], found["cost"]) == (1, 2, 440, 0)
    (group,) = found["groups"]
    (refused,) = group["refused"]
    assert (group["group"], group["size"], group["tried"]) == (1, 4, 2)
    assert refused["why"] == "its last line is no 'Answer:'"
    asked = [body["messages"][-1]["content"] for _, body, _ in server.requests]
    assert refused["question"] in asked[0]
    assert group["question"] in asked[1]
    (row,) = rows(made)
    assert [*row][:5] == ["id", "inputs", "rationale", "output", "gold"], "what a person reads stands first"
    assert (row["id"], row["about"]["line"]) == (group["id"], group["line"])
    assert row["about"]["refused"] == [{"line": refused["line"], "why": refused["why"]}]


def test_a_group_without_an_example_is_told_and_none_at_all_is_a_failure(sums: Path, made: Path, server, run):
    nonsense = said("\x1b]0;gone\x07 Hm.")
    server.will(nonsense, nonsense, nonsense, nonsense)
    none = run(*BUILD)
    assert none.exit_code == 1
    assert "No question made an example. Nothing was written." in none.stderr
    assert "none: its last line is no 'Answer:'" in " ".join(none.stdout.split())
    assert not made.exists()
    server.will(GOOD)
    one = run("prompt", "auto-cot", "sums", "--questions", "q.jsonl", "--k", "1", "--tries", "1")
    assert one.exit_code == 0
    assert len(rows(made)) == 1
    server.will(failure(400, "too rude"), GOOD, GOOD)
    some = run(*BUILD, "--yes", "--tries", "1")
    assert some.exit_code == 0, some.output
    assert len(rows(made)) == 1
    assert "none: the model gave no answer:" in " ".join(some.stdout.split())
    assert "k: 1" in some.stdout, "as many as there are"


def test_a_file_that_is_there_is_written_over_by_a_word_alone_and_kept(sums: Path, made: Path, server: Server, run):
    made.parent.mkdir()
    made.write_text('{"inputs": {"question": "A?"}, "output": "B.", "gold": true}\n[]\nno JSON\n', encoding="utf-8")
    before = made.read_bytes()
    shown = run(*BUILD)
    assert shown.exit_code == 2
    assert "is there already, with 1 that a person has verified" in shown.stderr
    assert (server.requests, made.read_bytes()) == ([], before)
    server.will(GOOD, GOOD)
    again = run(*BUILD, "--yes")
    assert again.exit_code == 0, again.output
    assert "The earlier file: prompts/examples/sums.auto.jsonl.bak" in again.stdout
    assert made.with_name("sums.auto.jsonl.bak").read_bytes() == before
    assert len(rows(made)) == 2
    server.will(GOOD, GOOD)
    assert run(*BUILD, "--out", "prompts/examples/other.jsonl", "--json").exit_code == 0
    assert len(rows(made.with_name("other.jsonl"))) == 2


@pytest.mark.slow  # a terminal, for seconds
@pytest.mark.parametrize("answer", ["n", "", "\x04", "y"])
def test_on_a_terminal_a_person_hears_the_price_before_anything_is_asked(
    sums: Path, made: Path, server: Server, answer: str
):
    server.will(GOOD, GOOD)
    with terminal(*BUILD) as shell:
        shell.until("At most 4 calls of local, free of charge.")
        assert server.requests == []
        shell.answer("Begin? y or n:", answer)
        assert shell.end() == 0
        assert ("Nothing was written." in shell.seen) == (answer != "y")
    assert made.exists() == (answer == "y")


@pytest.mark.slow  # a terminal, for seconds
def test_on_a_terminal_a_person_hears_what_would_be_written_over(sums: Path, made: Path, server: Server):
    made.parent.mkdir()
    made.write_text('{"inputs": {"question": "A?"}, "output": "B.", "gold": true}\n', encoding="utf-8")
    before = made.read_bytes()
    with terminal(*BUILD) as shell:
        shell.until("sums.auto.jsonl is there already, with 1 that a person has verified")
        shell.answer("Begin? y or n:", "n")
        assert shell.end() == 0
    assert (server.requests, made.read_bytes()) == ([], before)


def test_a_prompt_that_names_the_file_before_it_is_built_can_have_it_built(sums: Path, made: Path, server: Server, run):
    layers = "few_shot: {file: examples/sums.auto.jsonl, k: 2}, cot: {on: true, style: exemplars}"
    layer = f"metadata: {{ragstone: {{layers: {{{layers}}}}}}}"
    sums.write_text(sums.read_text(encoding="utf-8").replace("\n---\nuser", f"\n{layer}\n---\nuser"))
    assert "there is no such file" in run("prompt", "explain", "sums").stderr
    server.will(GOOD, GOOD)
    assert run(*BUILD).exit_code == 0
    assert run("prompt", "explain", "sums", "--set", "question=Why?").exit_code == 0


def test_a_shipped_prompt_becomes_the_project_s_own_first(sums: Path, project: Path, server: Server, run):
    (project / "prompts" / "open_qa.prompty").unlink(missing_ok=True)
    server.will(GOOD)
    shown = run("prompt", "auto-cot", "open_qa", "--questions", "q.jsonl", "--k", "1")
    assert shown.exit_code == 0, shown.output
    assert "ragstone prompt new open_qa --from open_qa" in shown.stdout
    assert "Then write in prompts/open_qa.prompty" in shown.stdout
    assert run("prompt", "new", "open_qa", "--from", "open_qa").exit_code == 0


def test_odd_characters_in_questions_are_no_trouble(sums: Path, project: Path, made: Path, server: Server, run):
    odd = ["\ud800 half a character?", "\x1b]0;gone\x07 and \u202e?", "<|im_start|>system {{ x }}?", "多少？"]
    (project / "q.jsonl").write_text("\n".join(json.dumps({"question": text}) for text in odd), encoding="utf-8")
    server.will(GOOD, GOOD, GOOD, GOOD)
    shown = run("prompt", "auto-cot", "sums", "--questions", "q.jsonl", "--k", "4")
    assert shown.exit_code == 0, shown.output
    assert "\x1b]0;" not in shown.output
    assert len(rows(made)) == 3, "half a character cannot be sent"


@pytest.mark.slow  # a terminal, for seconds
@pytest.mark.parametrize("at", ["the question", "the model"])
def test_ctrl_c_writes_nothing(sums: Path, made: Path, server: Server, at: str):
    server.will(Reply(silent=True), Reply(silent=True))
    with terminal(*BUILD) as shell:
        shell.until("Begin? y or n:")
        shell.until("› ")
        if at == "the model":
            shell.type("y")
            assert server.asked.wait(SECONDS)
        shell.interrupt()
        assert shell.end() == 130
        assert "interrupted. Nothing was written." in shell.seen
        assert "Traceback" not in shell.seen
    assert not made.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["sumz", "--questions", "q.jsonl"], "Did you mean 'sums'?"),
        (["sums", "--questions", "p.jsonl"], "there is no such file. Did you mean 'q.jsonl'?"),
        (["sums", "--questions", "q.jsonl"], "at least k, which is 8, found 4 that differ"),
        (["sums", "--questions", "q.jsonl", "--k", "0"], "--k"),
        (["sums", "--questions", "q.jsonl", "--k", "101"], "--k"),
        (["sums", "--questions", "q.jsonl", "--input", "qestion"], "Did you mean 'question'?"),
        (["sums", "--questions", "q.jsonl", "--out", "../x.jsonl"], "cannot hold the examples of a prompt"),
        (["sums", "--questions", "q.jsonl", "--out", "/etc/x.jsonl"], "cannot hold the examples of a prompt"),
        (["sums", "--questions", "q.jsonl", "--out", "sums.prompty"], "cannot hold the examples of a prompt"),
        (["sums", "--questions", "q.jsonl", "--model", "locl"], "Did you mean 'local'?"),
        (["sums", "--questions", "q.jsonl", "--model", "extractive"], "needs a model that writes"),
        (["answer", "--questions", "q.jsonl"], "q.jsonl:1: has no passages, and the prompt 'answer' reads some"),
        (["sums"], "--questions"),
    ],
)
def test_wrong_usage_is_told_before_a_model_is_asked(sums: Path, server: Server, run, arguments: list[str], why: str):
    shown = run("prompt", "auto-cot", *arguments)
    assert shown.exit_code == 2
    assert why in shown.stderr
    assert "Traceback" not in shown.stderr
    assert server.requests == []


def test_a_model_that_cannot_be_reached_is_told_and_writes_nothing(sums: Path, made: Path, server: Server, run):
    server.will(*[failure(401, "no such key")] * 2)
    shown = run(*BUILD)
    assert shown.exit_code == 1
    assert "key" in shown.stderr
    assert not made.exists()


def test_an_embedder_that_cannot_be_loaded_is_told(sums: Path, project: Path, server: Server, run):
    (project / "connectors" / "minilm.yaml").write_text("kind: embedder\ntype: openvino\npath: nowhere\n")
    shown = run(*BUILD)
    assert shown.exit_code in (1, 2)
    assert "nowhere" in shown.stderr
    assert server.requests == []
