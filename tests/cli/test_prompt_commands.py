"""`ragstone prompt list|show|explain|diff|lint|new`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ragstone.cli.prompts import revisions
from ragstone.project import template


def data(shown: Any) -> Any:
    assert shown.exit_code in (0, 1), shown.output
    return json.loads(shown.stdout)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def prompts(project: Path) -> Path:
    return project / "prompts"


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


# ── list ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_names_the_project_s_prompts_and_those_that_ship(prompts: Path, run):
    edit(prompts / "answer.prompty", "Begin with", "Start with")
    (prompts / "context.prompty").unlink()
    run("prompt", "new", "mine")
    found = {one["name"]: one for one in data(run("prompt", "list", "--json"))}
    origins = {name: one["origin"] for name, one in found.items()}
    wanted = {"answer": "changed", "chat": "as shipped", "mine": "own", "context": "shipped"}
    assert {name: origins[name] for name in wanted} == wanted
    assert not any(name.startswith("starters") for name in origins)
    assert found["answer"]["used_by"] == ["pipelines/answer.yaml"]
    assert found["chat"]["used_by"] == ["ragstone chat"]
    assert found["mine"]["inputs"] == [{"name": "question", "kind": "string", "required": True}]
    assert found["mine"]["description"]
    assert found["mine"]["version"] == data(run("prompt", "show", "mine", "--json"))["version"]
    shown = run("prompt", "list")
    assert shown.exit_code == 0
    for word in ("answer", "changed", "mine", "context", "answer.yaml"):
        assert word in shown.stdout


def test_list_shows_a_prompt_that_does_not_load_with_its_fault(prompts: Path, run):
    edit(prompts / "chat.prompty", "{{ passages }}", "{{ pasages }}")
    shown = run("prompt", "list", "--json")
    assert shown.exit_code == 1
    fault = next(one["fault"] for one in json.loads(shown.stdout) if one["name"] == "chat")
    assert "unknown variable 'pasages'" in fault


def test_a_copy_of_a_shipped_prompt_with_another_sentence_has_no_fault(project: Path, run):
    prompts = project / "prompts"
    text = (prompts / "answer.prompty").read_text()
    assert "in one to three sentences" in text
    copy = text.replace("name: answer", "name: short").replace("in one to three sentences", "in one sentence")
    (prompts / "short.prompty").write_text(copy)
    assert run("prompt", "lint").exit_code == 0
    (prompts / "shorter.prompty").write_text(copy.replace("name: short", "name: shorter"))
    assert "near-duplicate" in run("prompt", "lint").stdout


def test_list_knows_who_asks_context(project: Path, run):
    path = project / "pipelines" / "ingest.yaml"
    path.write_text(path.read_text() + "context: true\n")
    used = {one["name"]: one["used_by"] for one in data(run("prompt", "list", "--json"))}
    assert used["context"] == ["pipelines/ingest.yaml"]


# ── show ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_show_puts_includes_in_place_and_leaves_values_open(prompts: Path, run):
    found = data(run("prompt", "show", "answer", "--json"))
    said = found["messages"][0]["content"]
    assert "How to cite:" in said
    assert "include" not in said
    assert "{{ question }}" in found["messages"][-1]["content"]
    assert found["options"] == {"temperature": 0, "maxOutputTokens": 800}
    assert found["inputs"][0]["trust"] == "user"
    assert found["includes"] == ["parts/canary.md", "parts/citations.md", "parts/delimit.md"]
    plain = run("prompt", "show").stdout
    assert "How to cite:" in plain
    assert "maxOutputTokens: 800" in plain


@pytest.mark.parametrize("command", ["show", "explain", "diff", "lint"])
def test_a_name_that_nobody_has_is_said_with_the_nearest(project: Path, run, command: str):
    shown = run("prompt", command, "anwser")
    assert shown.exit_code == 2
    assert "Did you mean 'answer'?" in shown.stderr


def test_show_prints_every_word_that_a_layer_may_say(project: Path, run):
    path = project / "prompts" / "answer.prompty"
    text = path.read_text().replace("mark: delimit}", "mark: delimit}\n    layers: {cot: {on: true}, reflect: {}}", 1)
    path.write_text(text)
    said = data(run("prompt", "show", "answer", "--json"))["layer_words"]
    assert list(said) == ["layers/cot/zero_shot.md", "layers/cot/reasoning.md", "layers/reflect/again.md"]
    shown = run("prompt", "show", "answer").stdout
    assert all(f"prompts/{name} ──" in shown and words.strip() in shown for name, words in said.items())


# ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_has_the_keys_and_sums_that_are_promised(project: Path, run):
    found = data(run("prompt", "explain", "answer", "--set", "question=When does it ship?", "--json"))
    assert list(found) == [
        *("name", "version", "messages", "slots", "plan", "calls", "worst_case_calls"),
        *("tokens", "cost", "stable_prefix_tokens", "shed"),
    ]
    assert found["calls"] == found["worst_case_calls"] == 1
    assert found["shed"] == []
    assert [set(slot) for slot in found["slots"]] == [{"name", "trust", "tokens"}] * 3
    assert 0 < found["stable_prefix_tokens"] < found["tokens"]


@pytest.mark.parametrize(
    ("mark", "said", "told"),
    [
        ("datamark", "passages: marked with ¤ between words", {"mark": "datamark", "sign": "¤"}),
        ("encode", "passages: encoded in base64", {"mark": "encode"}),
    ],
)
def test_explain_says_how_passages_are_marked(ingested: Path, run, mark: str, said: str, told: dict[str, str]):
    path = ingested / "prompts" / "answer.prompty"
    edit(path, "mark: delimit", f"mark: {mark}")
    edit(path, "parts/delimit.md", f"parts/{mark}.md")
    assert run("prompt", "lint", "answer").exit_code == 0
    question = ("--set", "question=When does it ship?")
    assert said in run("prompt", "explain", "answer", *question).stderr
    slots = {slot["name"]: slot for slot in data(run("prompt", "explain", "answer", *question, "--json"))["slots"]}
    assert {key: slots["passages"][key] for key in slots["passages"] if key in ("mark", "sign")} == told
    assert set(slots["question"]) == {"name", "trust", "tokens"}


def test_explain_makes_no_index_where_there_is_none(project: Path, run):
    shown = run("prompt", "explain", "answer")
    assert shown.exit_code == 0
    assert "nothing was ingested yet" in shown.stderr
    assert "the file's own example" in shown.stderr
    assert not (project / ".ragstone").exists()


def test_explain_needs_no_pipelines_and_no_connectors(project: Path, run):
    for folder in ("pipelines", "connectors"):
        shutil.rmtree(project / folder)
    found = data(run("prompt", "explain", "answer", "--json"))
    assert found["cost"] is None
    assert run("prompt", "explain", "--pipeline", "other").exit_code == 2


def test_explain_goes_on_without_passages_when_the_index_cannot_be_searched(ingested: Path, run, monkeypatch):
    edit(ingested / "connectors" / "chroma.yaml", "url: ${env:RAGSTONE_CHROMA_URL:}", "url: http://127.0.0.1:9")
    shown = run("prompt", "explain", "answer", "--json")
    assert shown.exit_code == 0, shown.output
    assert "No passages: " in shown.stderr
    assert [slot["tokens"] for slot in json.loads(shown.stdout)["slots"] if slot["name"] == "passages"] == [0]


def test_an_input_may_be_named_as_an_option_of_the_call(ingested: Path, run):
    path = ingested / "prompts" / "answer.prompty"
    edit(path, "metadata:\n", "  - {name: tenant, default: none}\nmetadata:\n")
    edit(path, "{{ question }}", "{{ question }} ({{ tenant }})")
    shown = run("prompt", "explain", "answer", "--set", "tenant=acme", "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["messages"][-1]["content"].endswith("(acme)")
    assert "an input named tenant cannot be searched with" in shown.stderr


def test_the_cost_is_the_most_that_a_model_of_the_route_can_ask_for(project: Path, run):
    edit(project / "pipelines" / "answer.yaml", "models: [local, extractive]", "models: [local, openai]")
    found = data(run("prompt", "explain", "answer", "--json"))
    assert found["cost"] == pytest.approx((found["tokens"] * 0.10 + 800 * 0.50) / 1e6)
    edit(project / "pipelines" / "answer.yaml", "models: [local, openai]", "models: [extractive]")
    assert data(run("prompt", "explain", "answer", "--json"))["cost"] is None


def test_explain_takes_each_kind_of_value(prompts: Path, run, tmp_path: Path):
    kinds = {"word": "string", "count": "integer", "share": "float", "sure": "boolean", "names": "array"}
    inputs = "".join(f"  - {{name: {name}, kind: {kind}, required: true}}\n" for name, kind in kinds.items())
    body = "".join(f"{name}={{{{ {name} }}}};" for name in kinds)
    (prompts / "kinds.prompty").write_text(f"---\ninputs:\n{inputs}---\nuser:\n{body}\n")
    (tmp_path / "word.txt").write_text("from a file\n{{ count }}")
    given = {"count": "3", "share": "0.5", "sure": "yes", "names": '["a", "b"]'}
    options = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    found = data(run("prompt", "explain", "kinds", *options, "--set-file", f"word={tmp_path / 'word.txt'}", "--json"))
    said = "word=from a file\n{{ count }};count=3;share=0.5;sure=true;names=a\nb;"
    assert found["messages"] == [{"role": "user", "content": said}]
    for name in ("count", "share", "sure"):
        wrong = run("prompt", "explain", "kinds", "--set", f"{name}=maybe", "--set", "word=x")
        assert wrong.exit_code == 2
        assert f"the input '{name}' has another kind of value" in wrong.stderr
    missing = run("prompt", "explain", "kinds", *options)
    assert missing.exit_code == 2
    assert "the input 'word' is missing. Add: --set word=…" in missing.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "qestion=Why?"], "Did you mean 'question'?"),
        (["--set", "question"], "expected NAME=VALUE"),
        (["--set-file", "question=missing.txt"], "missing.txt: cannot be read"),
        (["--set-file", "question=binary.dat"], "is no text in UTF-8"),
        (["--set-file", "question=."], "cannot be read"),
        (["--set", "question=a", "--set-file", "question=documents/halibut.md"], "is given twice"),
    ],
)
def test_explain_says_what_is_wrong_with_an_input(project: Path, run, options: list[str], words: str):
    (project / "binary.dat").write_bytes(b"\xff\xfe\x00")
    shown = run("prompt", "explain", "answer", *options)
    assert shown.exit_code == 2
    assert words in shown.stderr
    assert shown.stderr.count("\n") == 1


# ── new ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", ["passages", "plain", "context"])
def test_a_new_prompt_loads_and_has_no_fault(prompts: Path, run, source: str):
    found = data(run("prompt", "new", "mine", "--from", source, "--json"))
    assert found["path"] == str(prompts / "mine.prompty")
    assert "name: mine" in (prompts / "mine.prompty").read_text()
    assert data(run("prompt", "lint", "mine", "--json")) == []
    assert data(run("prompt", "explain", "mine", "--json"))["name"] == "mine"


def test_a_starter_is_commented_and_tells_no_model_so(prompts: Path, run):
    run("prompt", "new", "mine")
    assert (prompts / "mine.prompty").read_text().count("#") > 5
    sent = data(run("prompt", "explain", "mine", "--json"))["messages"]
    assert not any("#" in message["content"] for message in sent)


def test_a_new_prompt_brings_what_it_includes(prompts: Path, run):
    shutil.rmtree(prompts)
    written = data(run("prompt", "new", "mine", "--json"))["written"]
    brought = ["mine.prompty", "parts/citations.md", "parts/delimit.md"]
    assert [Path(path).relative_to(prompts).as_posix() for path in written] == brought


@pytest.mark.parametrize("name", ["answer", "../evil", "Mine", "a b", ".hidden", "parts/x", ""])
def test_a_new_prompt_overwrites_nothing_and_stays_in_its_folder(project: Path, run, name: str):
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert run("prompt", "new", name).exit_code == 2
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_copy_of_what_does_not_load_is_not_left_behind(prompts: Path, run):
    edit(prompts / "chat.prompty", "{{ passages }}", "{{ pasages }}")
    assert run("prompt", "new", "mine", "--from", "chat").exit_code == 2
    (prompts / "latin.prompty").write_bytes("---\nname: latin\n---\nuser:\nÜber?\n".encode("latin-1"))
    shown = run("prompt", "new", "mine", "--from", "latin")
    assert shown.exit_code == 2
    assert "latin.prompty: cannot be read" in shown.stderr
    assert not (prompts / "mine.prompty").exists()


# ── diff ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_prompt_as_shipped_says_the_same(project: Path, run):
    found = data(run("prompt", "diff", "answer", "--json"))
    assert found["same"] is True
    assert found["before"]["version"] == found["after"]["version"]
    assert "They say the same." in run("prompt", "diff", "answer").stdout


def test_diff_shows_words_options_and_inputs(prompts: Path, run):
    path = prompts / "answer.prompty"
    edit(path, "temperature: 0,", "temperature: 0.5,")
    edit(path, "Begin with the answer", "Start with the answer")
    edit(path, "metadata:\n", "  - {name: tone, default: plain}\nmetadata:\n")
    edit(path, "{{ question }}", "{{ question }} ({{ tone }})")
    found = data(run("prompt", "diff", "answer", "--json"))
    changed = {one["key"]: (one["before"], one["after"]) for one in found["settings"]}
    assert changed["options.temperature"] == (0, 0.5)
    assert changed["inputs.tone.default"] == (None, "plain")
    assert [(one["number"], one["role"]) for one in found["messages"]] == [(1, "system"), (2, "user")]
    lines = found["messages"][0]["diff"]
    assert [line[0] for line in lines if "the answer itself" in line] == ["-", "+"]
    shown = run("prompt", "diff", "answer").stdout
    assert "- options.temperature: 0\n+ options.temperature: 0.5" in shown
    assert "+Question: {{ question }} ({{ tone }})" in shown


def test_diff_of_an_included_file_shows_in_each_message_that_includes_it(prompts: Path, run):
    edit(prompts / "parts" / "citations.md", "How to cite:", "Cite so:")
    for name in ("answer", "chat"):
        found = data(run("prompt", "diff", name, "--json"))
        assert "-How to cite:" in found["messages"][0]["diff"]


def test_diff_of_two_prompts_pairs_their_messages_by_role(project: Path, run):
    found = data(run("prompt", "diff", "answer", "chat", "--json"))
    assert {one["role"] for one in found["messages"]} == {"system", "user", "assistant"}
    assert next(one for one in found["messages"] if one["role"] == "assistant")["diff"][1:] == [
        "+I have read the passages."
    ]


def test_diff_against_git_shows_what_was_edited_since(project: Path, run):
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "Begin")
    assert data(run("prompt", "diff", "answer", "--against", "HEAD", "--json"))["same"] is True
    edit(project / "prompts" / "parts" / "citations.md", "How to cite:", "Cite so:")
    found = data(run("prompt", "diff", "answer", "--against", "HEAD", "--json"))
    assert "+Cite so:" in found["messages"][0]["diff"]
    assert found["before"]["label"] == "answer in HEAD"


def test_diff_finds_a_project_inside_a_repository(project: Path, run):
    git(project.parent, "init")
    git(project.parent, "add", ".")
    git(project.parent, "commit", "-m", "Begin")
    edit(project / "prompts" / "chat.prompty", "You hold", "You lead")
    found = data(run("prompt", "diff", "chat", "--against", "main", "--json"))
    assert any(line.startswith("+You lead") for line in found["messages"][0]["diff"])


def test_diff_says_why_git_cannot_help(project: Path, run, monkeypatch):
    assert "under no version control" in run("prompt", "diff", "answer", "--against", "HEAD").stderr
    git(project, "init")
    assert "git knows no version 'HEAD'" in run("prompt", "diff", "answer", "--against", "HEAD").stderr
    git(project, "commit", "--allow-empty", "-m", "Nothing")
    assert "there is no folder prompts/ in HEAD" in run("prompt", "diff", "answer", "--against", "HEAD").stderr
    git(project, "add", ".")
    git(project, "commit", "-m", "Begin")
    for revision in ("nope", "--help", "-h"):
        assert f"git knows no version '{revision}'" in run("prompt", "diff", "answer", f"--against={revision}").stderr
    run("prompt", "new", "mine")
    assert "there is no prompts/mine.prompty in HEAD" in run("prompt", "diff", "mine", "--against", "HEAD").stderr
    monkeypatch.setattr(revisions.shutil, "which", lambda name: None)
    shown = run("prompt", "diff", "answer", "--against", "HEAD")
    assert shown.exit_code == 2
    assert "git is not installed here" in shown.stderr


def test_diff_refuses_two_things_to_compare_with_and_none(project: Path, run):
    assert run("prompt", "diff", "answer", "chat", "--against", "HEAD").exit_code == 2
    run("prompt", "new", "mine")
    assert "no prompt 'mine' ships with Ragstone" in run("prompt", "diff", "mine").stderr


# ── lint ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lint_finds_nothing_in_a_new_project(project: Path, run):
    shown = run("prompt", "lint")
    assert (shown.exit_code, shown.stdout) == (0, "No faults found.\n")
    assert run("prompt", "lint", "--json").stdout == "[]\n"


def test_lint_finds_nothing_in_what_ships(run):
    shown = run("prompt", "lint", "--project", template())
    assert shown.exit_code == 0, shown.output


def test_lint_shows_place_reason_and_fix_and_exits_with_1(prompts: Path, run):
    edit(prompts / "answer.prompty", "- Say only what", "- TODO say only what")
    shown = run("prompt", "lint")
    assert shown.exit_code == 1
    assert "prompts/answer.prompty:25:3  warning  left-over" in shown.stdout
    assert "Fix: " in shown.stdout
    (found,) = json.loads(run("prompt", "lint", "answer", "--json").stdout)
    assert (found["code"], found["line"], found["column"]) == ("left-over", 25, 3)
    assert found["path"] == str(prompts / "answer.prompty")
    assert run("prompt", "lint", "chat").exit_code == 0


def test_lint_reports_what_the_loader_refuses(prompts: Path, run):
    edit(prompts / "answer.prompty", "temperature: 0", "temprature: 0")
    shown = run("prompt", "lint", "--json")
    assert shown.exit_code == 1
    assert [one["code"] for one in json.loads(shown.stdout)] == ["unknown-key"]


# ── Prompts in folders of prompts/ ──────────────────────────────────────────────────────────────────────────────────


def test_every_command_reads_the_includes_of_a_prompt_in_a_subfolder(prompts: Path, run):
    (prompts / "team").mkdir()
    text = (prompts / "answer.prompty").read_text(encoding="utf-8")
    assert 'include "parts/citations.md"' in text
    (prompts / "team" / "answer.prompty").write_text(text.replace("name: answer", "name: team/answer"))
    for command in (["show"], ["explain", "--set", "question=Why?"]):
        assert "How to cite:" in run("prompt", command[0], "team/answer", *command[1:]).stdout
    assert run("prompt", "lint", "team/answer").exit_code == 0
    assert data(run("prompt", "diff", "answer", "team/answer", "--json"))["messages"] == []
    assert run("prompt", "new", "copied", "--from", "team/answer").exit_code == 0
    assert run("check").exit_code == 0
    git(prompts.parent, "init")
    git(prompts.parent, "add", ".")
    git(prompts.parent, "commit", "-m", "Begin")
    edit(prompts / "team" / "answer.prompty", "Begin with", "Start with")
    assert not data(run("prompt", "diff", "team/answer", "--against", "HEAD", "--json"))["same"]


def test_show_names_outputs_examples_budget_and_tests(project: Path, run):
    prompts = project / "prompts"
    (prompts / "examples").mkdir()
    (prompts / "examples" / "x.jsonl").write_text('{"inputs": {"question": "A?"}, "output": {"label": "good"}}')
    own = "layers: {few_shot: {file: examples/x.jsonl, k: 1}}\n    budget: {total: 900}\n    tests: tests/answer.yaml"
    outputs = "outputs: [{name: label, kind: string}]"
    inputs = "inputs: [{name: question, required: true}]"
    front = f"name: x\n{inputs}\n{outputs}\nmetadata:\n  ragstone:\n    {own}"
    (prompts / "x.prompty").write_text(f"---\n{front}\n---\nuser:\n{{{{ question }}}}\n")
    shown = run("prompt", "show", "x").stdout
    assert "outputs: label" in shown
    assert "few shot: file examples/x.jsonl, k 1, select fixed, of 1" in shown
    assert "budget: total 900" in shown
    assert "tests: tests/answer.yaml" in shown


def test_a_broken_tests_file_is_for_lint_and_check_to_tell(project: Path, run):
    (project / "prompts" / "tests" / "answer.yaml").unlink()
    assert run("prompt", "explain", "--set", "question=Why?").exit_code == 0
    assert run("prompt", "show").exit_code == 0
    assert "the tests cannot be used" in run("prompt", "lint", "answer").stdout
    assert "the tests cannot be used" in run("check").output


def test_a_prompt_without_a_question_answers_no_pipeline(project: Path, run):
    shown = run("prompt", "new", "hotline", "--from", "plain")
    assert "It takes no question, so no pipeline can answer with it." in shown.stderr
    assert "pipelines/answer.yaml: prompt: mine" in run("prompt", "new", "mine", "--from", "passages").stderr
    path = project / "pipelines" / "answer.yaml"
    path.write_text(path.read_text().replace("prompt: answer", "prompt: hotline"))
    checked = run("check")
    assert checked.exit_code != 0
    assert "the prompt 'hotline' takes no question" in checked.output
