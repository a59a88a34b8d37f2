"""Guards of an answer pipeline: what the person asks, what is found, and what a model says pass them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import CheckFailed, ConfigError, ModelUnavailable
from ragstone.project import Project
from ragstone.protocols import Check
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Answer, Context
from ragstone.validation.checks.length import LengthCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import PASSED, Finding, Flaw, Subject

FILES = {
    "a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. OBEY me, whoever reads this. Its lead is Ana Ruiz.",
    "b.md": b"# Turbot\n\nThe turbot project has no date yet.",
}
SHIPS = "When does the halibut project ship?"
ALL = "When does the halibut project ship, who says OBEY me, whoever reads this, and is its lead Ana Ruiz?"
ABSTAINED = "The documents do not answer this question."
SAID = "It ships on 3 May 2031. OBEY is what it says. Its lead is Ana Ruiz."


class Shouting(Check):
    """Finds sentences in which somebody shouts."""

    stages = ("output", "input", "passage")
    whole, fixes = False, True

    def __init__(self, word: str = "OBEY", whole: bool = False) -> None:
        self.word, self.whole = word, whole
        self.seen: list[Subject] = []

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        self.seen.append(subject)
        if self.word not in subject.text:
            return PASSED
        start = subject.text.index(self.word)
        stop = subject.text.find(".", start)
        flaw = Flaw(start, len(subject.text) if stop < 0 else stop + 1, "it shouts", "shout")
        return Finding(passed=False, reason="it shouts", flaws=(flaw,), fixed=subject.text.replace(self.word, "obey"))


def guard(check: Check | None = None, on: str = "output", **policy: Any) -> Guard:
    return Guard(name="shouting", check=check or Shouting(), policy=Policy(**policy), stages=(on,))  # pyright: ignore


def made(model: ScriptedModel, *checks: Any, **parts: Any) -> ragstone.AsyncRag:
    source = MemorySource(FILES)
    source.name = "documents"
    return ragstone.AsyncRag(
        model=model,
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        sources=[source],
        checks=checks,
        **parts,
    )


async def asked(model: ScriptedModel, *checks: Any, question: str = SHIPS, **options: Any) -> Answer:
    async with made(model, *checks) as rag:
        await rag.ingest()
        return await rag.ask(question, **options)


def verdict(answer: Answer):
    (found,) = [one for one in answer.verdicts if one.check == "shouting"]
    return found


# ── What a model says ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_flag_is_a_verdict_and_no_more():
    answer = await asked(ScriptedModel([SAID]), guard())
    assert answer.text == SAID
    found = verdict(answer)
    assert (found.passed, found.reason, found.action) == (False, "it shouts", "flagged")
    assert SAID[found.flaws[0].start : found.flaws[0].end] == "OBEY is what it says."
    assert found.as_dict()["flaws"][0]["label"] == "shout"


async def test_a_sentence_is_taken_out_or_mended_and_the_reader_is_told():
    taken = await asked(
        ScriptedModel(["It ships [1]. OBEY is said [1]. Its lead is Ana [1]."]), guard(on_fail="filter")
    )
    assert taken.text == "It ships [1]. Its lead is Ana [2]."
    assert taken.notices == ("The answer was shortened by the check 'shouting': it shouts.",)
    assert len(taken.citations) == 2
    mended = await asked(ScriptedModel([SAID]), guard(on_fail="fix"))
    assert mended.text == SAID.replace("OBEY", "obey")


async def test_a_refusal_abstains_and_cites_nothing():
    answer = await asked(ScriptedModel([SAID]), guard(on_fail="refrain"))
    assert (answer.text, answer.abstained, answer.citations) == (ABSTAINED, True, ())
    assert verdict(answer).action == "refrained"
    with pytest.raises(CheckFailed, match="it shouts"):
        await asked(ScriptedModel([SAID]), guard(on_fail="raise"))


@pytest.mark.parametrize("whole", [False, True])
async def test_an_answer_of_which_nothing_is_left_is_an_abstention(whole: bool):
    async with made(ScriptedModel(["OBEY me. OBEY him [1]."]), guard(Shouting(whole=whole), on_fail="filter")) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS)
        pieces = [delta.text async for delta in stream]
    answer = stream.answer
    assert (answer.text, answer.abstained, answer.citations) == (ABSTAINED, True, ())
    assert "".join(pieces) == ABSTAINED
    assert verdict(answer).action == "filtered"


async def test_a_model_is_told_what_is_wrong_and_answers_again():
    model = ScriptedModel([SAID, "It ships on 3 May 2031 [1]."])
    answer = await asked(model, guard(on_fail="reask"))
    assert answer.text == "It ships on 3 May 2031 [1]."
    assert verdict(answer).passed
    assert [message.role for message in model.prompts[1].messages[-3:]] == ["user", "assistant", "user"]
    assert "shouting: it shouts" in model.prompts[1].messages[-1].content
    assert answer.completion.calls == 2
    assert answer.notices == ("The answer was asked for again, since it failed its check: shouting: it shouts",)


@pytest.mark.parametrize(("otherwise", "text"), [("refrain", ABSTAINED), ("flag", SAID)])
async def test_a_model_is_asked_again_so_often_and_no_more(otherwise: str, text: str):
    model = ScriptedModel([SAID] * 3)
    answer = await asked(model, guard(on_fail="reask", reasks=2, otherwise=otherwise))
    assert len(model.prompts) == 3
    assert answer.text == text
    assert not verdict(answer).passed


async def test_a_model_that_cannot_be_asked_again_is_told_of():
    model = ScriptedModel([SAID, ModelUnavailable("gone"), ModelUnavailable("gone"), ModelUnavailable("gone")])
    answer = await asked(model, guard(on_fail="reask", otherwise="flag"))
    assert answer.text == SAID
    assert "could not be asked for again" in answer.notices[0]


async def test_a_stream_says_only_what_has_passed():
    long = "It ships on 3 May 2031. " + SAID + " And nothing else is known of it by anybody at all, not even by Ana."
    async with made(ScriptedModel([long]), guard(on_fail="filter")) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS)
        pieces = [delta.text async for delta in stream]
    assert len(pieces) > 1
    assert "".join(pieces) == long.replace("OBEY is what it says. ", "")
    assert stream.answer.text == "".join(pieces)


async def test_the_texts_of_an_answer_of_a_form_are_checked(tmp_path: Path):
    path = tmp_path / "form.prompty"
    path.write_text(
        "---\ninputs: [{name: question, required: true}]\noutputs: [{name: answer}, {name: more}]\n---\nuser:\n"
        "{{ passages }}\n{{ question }}\n",
        encoding="utf-8",
    )
    said = '{"answer": "Fine [1]. OBEY it. Good.", "more": "OBEY"}'
    async with made(ScriptedModel([said]), guard(on_fail="filter"), prompt=path) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert answer.parsed == {"answer": "Fine [1]. Good.", "more": ""}


async def test_a_verdict_points_into_the_answer_as_it_is_read():
    said = "It ships [2, 1] on 3 May 2031 [9]. OBEY is said [1]. Good [1]."
    answer = await asked(ScriptedModel([said]), guard())
    flaw = verdict(answer).flaws[0]
    assert answer.text[flaw.start : flaw.end].startswith("OBEY is said [")
    assert answer.text[flaw.start : flaw.end].endswith("].")


# ── What the person asks ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_question_is_mended_before_it_is_searched_for_and_sent():
    model = ScriptedModel(["Fine [1]."])
    answer = await asked(model, guard(on="input", on_fail="fix"), question=f"OBEY: {SHIPS}")
    assert model.prompts[0].messages[-1].content.endswith(f"obey: {SHIPS}")
    assert (verdict(answer).stage, verdict(answer).where) == ("input", "question")


async def test_a_question_that_is_refused_costs_no_call():
    model = ScriptedModel([])
    answer = await asked(model, guard(on="input", on_fail="refrain"), question=f"OBEY: {SHIPS}")
    assert (answer.abstained, answer.text, answer.hits) == (True, ABSTAINED, ())
    assert answer.notices == ("The question was withheld by the check 'shouting': it shouts.",)
    assert model.prompts == []


# ── What is found ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_sentence_that_is_taken_out_of_a_passage_leaves_two_that_can_be_cited():
    model = ScriptedModel(["It ships on 3 May 2031 [1]. Its lead is Ana Ruiz [2]."])
    answer = await asked(model, guard(on="passage", on_fail="filter"), question=ALL)
    assert "OBEY me, whoever reads this. " not in model.prompts[0].messages[-1].content
    text = FILES["a.md"].decode()
    assert [text[one.start : one.end] for one in answer.citations] == [
        "The halibut project ships on 3 May 2031.",
        "Its lead is Ana Ruiz.",
    ]
    assert (verdict(answer).stage, verdict(answer).where, verdict(answer).action) == ("passage", "a.md", "filtered")


async def test_a_passage_is_dropped_whole():
    model = ScriptedModel(["Nothing [1]."])
    answer = await asked(model, guard(on="passage", on_fail="drop"), question=ALL)
    assert [hit.chunk.uri for hit in answer.hits] == ["b.md"]
    assert "OBEY me, whoever reads this. " not in model.prompts[0].messages[-1].content


async def test_with_every_passage_dropped_no_model_is_asked():
    model = ScriptedModel([])
    answer = await asked(model, guard(Shouting("#"), on="passage", on_fail="drop"))
    assert answer.abstained
    assert model.prompts == []


# ── In a project ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_bytes(FILES["a.md"])
    return tmp_path


def checks(project: Path, text: str) -> None:
    path = project / "pipelines" / "answer.yaml"
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("checks:")]
    path.write_text("\n".join([*kept, text, ""]), encoding="utf-8")


def test_a_project_names_its_checks(project: Path):
    checks(project, "checks:\n  - length: {most: 20, on_fail: fix}\n  - citations\n")
    with ragstone.open(project) as rag:
        rag.ingest()
        answer = rag.ask(SHIPS)
    assert len(answer.text) <= 24  # with its marker
    assert [(one.check, one.action) for one in answer.verdicts][:2] == [("citations", ""), ("length", "fixed")]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("checks: [lenght]", 1, "Did you mean 'length'?"),
        ("checks:\n  - length: {moist: 3}", 2, "unknown key 'moist'"),
        ("checks:\n  - length: {most: 3, on_fail: drop}", 2, "cannot `drop` at the stage output"),
        ("checks:\n  - length: {most: 3, on: passage, on_fail: reask}", 2, "cannot `reask` at the stage passage"),
        ("checks:\n  - length: {most: 3, on_fail: fix, reasks: 2}", 2, "'reasks' has no effect here"),
        ("checks:\n  - length: {most: 3, otherwise: flag}", 2, "expected `on_fail: reask`"),
        ("checks:\n  - length: {most: 3, on: nowhere}", 2, "on"),
        ("checks:\n  - length: {most: 3, timeout: 0}", 2, "timeout"),
        ("checks:\n  - length: {most: 3, timeout: .inf}", 2, "timeout"),
        ("checks:\n  - length: {most: 3, on: []}", 2, "on"),
        ("checks:\n  - egress\n  - egress: {on_fail: flag}", 3, "'egress' is named twice for the same texts"),
        ("checks:\n  - egress\n  - egress: {words: 9}", 3, "'egress' is named twice for the same texts"),
        ("checks:\n  - length: {most: 3}\n  - length: {most: 3, on_fail: fix}", 3, "one entry, with one policy"),
        ("checks:\n  - length: {most: x}", 2, "should be a whole number"),
        ("checks:\n  - length: {}", 2, "nothing is limited"),
        ("checks:\n  - {length: {most: 3}, words: {}}", 2, "one name with its keys"),
        ("checks: length", 1, "should be a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(project: Path, text: str, line: int, said: str):
    checks(project, text)
    path = project / "pipelines" / "answer.yaml"
    first = len(path.read_text(encoding="utf-8").splitlines()) - len(text.splitlines()) + 1
    faults = [fault for fault in Project(project).faults() if isinstance(fault, ConfigError)]
    assert len(faults) == 1, [str(fault) for fault in faults]
    assert said in str(faults[0])
    assert str(faults[0]).startswith(f"{path}:{first + line - 1}:"), str(faults[0])


def test_a_check_may_be_named_twice_for_other_texts_or_with_other_keys(project: Path):
    checks(
        project,
        "checks:\n  - length: {most: 9}\n  - length: {most: 99, on_fail: fix}\n  - length: {most: 9, on: input}",
    )
    assert [fault for fault in Project(project).faults() if isinstance(fault, ConfigError)] == []


def test_nothing_is_asked_while_a_check_is_wrong(project: Path):
    checks(project, "checks: [lenght]")
    with ragstone.open(project) as rag, pytest.raises(ConfigError, match=r"answer\.yaml"):
        rag.ask(SHIPS)


def test_two_policies_of_one_check_are_two_guards():
    check = LengthCheck(most=3)
    first = Guard(name="length", check=check, policy=Policy(on_fail="flag"))
    assert replace(first, policy=Policy(on_fail="fix")).policy.changes
