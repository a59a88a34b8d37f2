"""`ragstone prompt craft`, on a terminal and without one; the model is a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_server import Reply, Server, completion, piece, serving, streamed
from terminals import SECONDS, terminal

BETTER = "in two sentences at most"
OBEYED = completion(json.dumps({"code": "q7f3-x81k-0d52"}))  # whether it binds answers to a schema is asked first


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "tiny")
        yield server


@pytest.fixture
def path(project: Path) -> Path:
    return project / "prompts" / "answer.prompty"


def words(path: Path) -> str:
    return path.read_text(encoding="utf-8").split("\n---\n", 1)[1]


def said(prompt: str, *, questions: tuple[str, ...] = ()) -> Reply:
    text = json.dumps({"weaknesses": ["'one to three' is long."], "questions": questions, "prompt": prompt})
    return streamed(piece(text), piece(finish_reason="stop"))


def better(path: Path) -> str:
    assert "in one to three sentences" in words(path)
    return words(path).replace("in one to three sentences", BETTER)


# ── On a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_answers_asks_for_more_and_saves(path: Path, server: Server):
    before = path.read_bytes()
    shorter = better(path).replace(BETTER, "in one sentence")
    server.will(
        OBEYED,
        said(words(path), questions=("Who reads the answers?", "Where?")),
        said(better(path), questions=("Which tone?",)),
        said(shorter),
    )
    with terminal("prompt", "craft", "answer") as shell:
        shell.answer("What is this prompt for?", "a help desk")
        shell.answer("1. Who reads the answers?", "Drivers.")
        assert "'one to three' is long." in shell.seen
        shell.answer("2. Where?", "")
        shell.answer("or say what to change:", "Still shorter, please.")
        assert f"+- Begin with the answer itself, {BETTER}." in shell.seen
        assert "\x1b[31m-- Begin with the answer itself, in one to three" in shell.seen, "red, where it went away"
        shell.answer("or say what to change:", "y")
        assert shell.end() == 0
        assert "Saved: prompts/answer.prompty" in shell.seen
        assert "The earlier version: prompts/answer.prompty.bak" in shell.seen
        assert "3 calls" in shell.seen
    assert words(path) == shorter
    assert path.read_bytes().startswith(before[: before.index(b"\n---\n")])
    assert path.with_name("answer.prompty.bak").read_bytes() == before
    asked = [body["messages"][-1]["content"] for _, body, _ in server.requests[1:]]
    assert all("Purpose: a help desk" in one for one in asked)
    assert "- Who reads the answers? Drivers." in asked[1]
    assert "Where?" not in asked[1], "what was skipped is not told"
    assert "- Still shorter, please." in asked[2]
    assert "{{ question }}" in asked[0]


@pytest.mark.slow  # a terminal, for seconds
@pytest.mark.parametrize("leaving", ["n", "Q", "\x04"])
def test_a_person_who_leaves_has_the_file_as_it_was(path: Path, server: Server, leaving: str):
    before = path.read_bytes()
    server.will(OBEYED, said(better(path)))
    with terminal("prompt", "craft", "answer", "--purpose", "a help desk") as shell:
        shell.answer("say what to change:", leaving)
        assert shell.end() == 0
        assert "Nothing was written." in shell.seen
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.bak*"))


@pytest.mark.slow  # a terminal, for seconds
@pytest.mark.parametrize("at", ["What is this prompt for?", "1. Who?", "say what to change:", "the model"])
def test_ctrl_c_writes_nothing_wherever_it_comes(path: Path, server: Server, at: str):
    before = {each: each.read_bytes() for each in path.parent.rglob("*") if each.is_file()}
    silent = at == "the model"
    server.will(OBEYED, Reply(silent=True) if silent else said(better(path), questions=("Who?",)))
    with terminal("prompt", "craft", "answer") as shell:
        for mark in ("What is this prompt for?", "1. Who?", "say what to change:"):
            shell.until(mark)
            if at != mark:
                shell.until("› ")
                shell.type("")
            if silent:
                assert server.asked.wait(SECONDS)
            if at == mark or silent:
                break
        shell.interrupt()
        assert shell.end() == 130
        assert "interrupted. Nothing was written." in shell.seen
        assert "Traceback" not in shell.seen
    assert {each: each.read_bytes() for each in path.parent.rglob("*") if each.is_file()} == before


@pytest.mark.slow  # a terminal, for seconds
def test_a_lost_placeholder_is_named_and_saved_only_by_a_whole_yes(path: Path, server: Server):
    before = path.read_bytes()
    lost = better(path).replace('{% include "parts/citations.md" %}\n', "")
    server.will(OBEYED, said(lost), said(lost), OBEYED, said(lost), said(lost))
    with terminal("prompt", "craft", "answer", "--purpose", "x") as shell:
        shell.answer("say what to change:", "y")
        assert 'no longer has {% include "parts/citations.md" %}' in shell.seen
        shell.answer("Save it all the same?", "n")
        shell.answer("say what to change:", "n")
        assert shell.end() == 0
    assert path.read_bytes() == before
    with terminal("prompt", "craft", "answer", "--purpose", "x", "--rounds", "1") as shell:
        shell.answer("n leaves the file as it was:", "y")
        assert "or say what to change" not in shell.seen, "there is no round left for it"
        shell.answer("Save it all the same?", "yes")
        assert shell.end() == 0
    assert words(path) == lost


@pytest.mark.slow  # a terminal, for seconds
def test_what_cannot_be_used_is_told_in_plain_words_and_cannot_be_saved(path: Path, server: Server):
    before = path.read_bytes()
    broken = better(path).replace("{{ passages }}", "{{ pasages }}") + "\x1b]0;gone\x07"
    server.will(OBEYED, said(broken), said(broken), said(words(path)))
    with terminal("prompt", "craft", "answer", "--purpose", "x") as shell:
        shell.answer("n leaves the file as it was, or say what to change:", "y")
        assert "It cannot be used: unknown variable 'pasages' (Did you mean 'passages'?)" in " ".join(
            shell.seen.split()
        )
        assert "\x1b]0;" not in shell.seen, "a model does not steer the terminal"
        shell.answer("n leaves the file as it was, or say what to change:", "Keep the placeholders.")
        shell.answer("n leaves the file as it was, or say what to change:", "n")
        assert "The model would change nothing." in shell.seen
        assert shell.end() == 0
    assert path.read_bytes() == before


def test_a_model_that_fails_is_asked_again_and_no_answer_is_lost(path: Path, server: Server):
    cut = streamed(piece("{"), piece(finish_reason="length"))
    server.will(OBEYED, said(words(path), questions=("Who?",)), cut, said(better(path)), cut)
    with terminal("prompt", "craft", "answer", "--purpose", "x") as shell:
        shell.answer("1. Who?", "Drivers.")
        shell.answer("Enter asks the model again", "")
        assert "was cut off before its end. Raise maxOutputTokens in" in " ".join(shell.seen.split())
        shell.answer("say what to change:", "More.")
        shell.answer("Enter asks the model again", "n")
        assert shell.end() == 0
        assert "Nothing was written." in shell.seen
    assert all("- Who? Drivers." in body["messages"][-1]["content"] for _, body, _ in server.requests[2:])
    assert words(path) != better(path)


# ── Without one ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_yes_saves_a_sound_rewrite_and_prints_it_as_json(path: Path, server: Server, run):
    made = better(path)
    server.will(OBEYED, said(made, questions=("Who?",)))
    shown = run("prompt", "craft", "answer", "--yes", "--json")
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert found["saved"] == str(path)
    assert found["copy"] == f"{path}.bak"
    assert found["weaknesses"] == ["'one to three' is long."]
    assert found["questions"] == ["Who?"]
    assert f"+- Begin with the answer itself, {BETTER}. Go on only where the question asks for more." in found["diff"]
    assert found["calls"] == 1
    assert words(path) == made
    assert run("prompt", "lint", "answer").exit_code == 0
    server.will(said(made))  # what the server obeys is known of the run before
    again = run("prompt", "craft", "answer", "--yes")
    assert again.exit_code == 0
    assert "The model would change nothing." in again.stdout
    assert sorted(each.name for each in path.parent.glob("answer*")) == ["answer.prompty", "answer.prompty.bak"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{{ passages }}", "{{ pasages }}", "cannot be used: unknown variable 'pasages'"),
        ("{{ passages }}", "", "the prompt reads no passages, so it cites nothing"),  # as its tests want
        ('{% include "parts/citations.md" %}\n', "", 'no longer has {% include "parts/citations.md" %}'),
        ("user:", "Use\u200bful.\n\nuser:", "invisible"),
    ],
)
def test_yes_saves_nothing_that_somebody_would_have_to_look_at(
    path: Path, server: Server, run, old: str, new: str, why: str
):
    before = path.read_bytes()
    made = better(path).replace(old, new)
    server.will(OBEYED, said(made), said(made))
    shown = run("prompt", "craft", "answer", "--yes")
    assert shown.exit_code == 1
    assert why in shown.stderr
    assert "Nothing was written" in shown.stderr
    assert path.read_bytes() == before


def test_another_name_leaves_the_first_as_it_is(path: Path, server: Server, run):
    before = path.read_bytes()
    server.will(OBEYED, said(better(path)))
    assert run("prompt", "craft", "answer", "--yes", "--to", "team/short").exit_code == 0
    assert path.read_bytes() == before
    short = path.parent / "team" / "short.prompty"
    assert words(short) == better(path)
    assert run("prompt", "lint", "team/short").exit_code == 0
    taken = run("prompt", "craft", "answer", "--yes", "--to", "prompts/team/short.prompty")
    assert taken.exit_code == 2
    assert "is there already" in taken.stderr


@pytest.mark.parametrize("name", ["../short", "/etc/short", "a b", "", "starters/short", "a\nb: c", "prompts/../short"])
def test_a_name_that_no_prompt_can_have_is_refused(path: Path, server: Server, run, name: str):
    shown = run("prompt", "craft", "answer", "--yes", "--to", name)
    assert shown.exit_code == 2
    assert "cannot name a prompt" in shown.stderr
    assert server.requests == []


def test_a_shipped_prompt_becomes_the_project_s_own_with_what_it_includes(path: Path, server: Server, run):
    made = better(path)
    path.unlink()
    (path.parent / "parts" / "citations.md").unlink()
    server.will(OBEYED, said(made))
    shown = run("prompt", "craft", "answer", "--yes")
    assert shown.exit_code == 0, shown.output
    assert "With it: prompts/parts/citations.md" in shown.stdout
    assert words(path) == made
    assert run("prompt", "explain", "answer").exit_code == 0


def test_without_a_model_that_writes_it_says_what_to_do(project: Path, run):
    shown = run("prompt", "craft", "answer", "--yes")
    assert shown.exit_code == 2
    assert "needs a model that writes" in shown.stderr
    assert "Run: export RAGSTONE_LOCAL_URL=…, or add --model anthropic or openai." in shown.stderr
    quoting = run("prompt", "craft", "answer", "--yes", "--model", "extractive")
    assert "extractive only quotes from documents. Add --model anthropic or local or openai." in quoting.stderr
    typo = run("prompt", "craft", "answer", "--yes", "--model", "opnai")
    assert "Did you mean 'openai'?" in typo.stderr
    assert not (project / ".ragstone").exists(), "no index, and no state, is needed"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["answer"], "no terminal to ask you in"),
        (["answer", "--json"], "Add --yes"),
        (["anwser", "--yes"], "Did you mean 'answer'?"),
        (["answer", "--yes", "--rounds", "0"], "rounds"),
    ],
)
def test_wrong_usage_is_told_before_a_model_is_asked(path: Path, server: Server, run, arguments: list[str], why: str):
    shown = run("prompt", "craft", *arguments)
    assert shown.exit_code == 2
    assert why in shown.stderr
    assert server.requests == []


def test_a_prompt_that_does_not_load_is_told_with_its_place(path: Path, server: Server, run):
    path.write_text(path.read_text(encoding="utf-8").replace("{{ passages }}", "{{ pasages }}"), encoding="utf-8")
    shown = run("prompt", "craft", "answer", "--yes")
    assert shown.exit_code == 2
    assert "answer.prompty:" in shown.stderr
    assert "unknown variable 'pasages'" in shown.stderr
    assert server.requests == []
