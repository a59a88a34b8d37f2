"""Guards of an answer pipeline: what the person asks, what is found, and what a model says pass them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import CheckFailed, ConfigError, ModelUnavailable
from ragstone.pipelines.guards import Guards
from ragstone.project import Project
from ragstone.protocols import Check
from ragstone.testing import ScriptedModel
from ragstone.types import Chunk, Context, Hit, Span
from ragstone.validation.checks.length import LengthCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import PASSED, Finding, Flaw, Subject
from shouting import ABSTAINED, ALL, FILES, SAID, SHIPS, Shouting, asked, guard, made, verdict

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
    assert answer.notices == ("The answer was asked for again, since it failed: shouting",)


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


TABLE = "| boat OBEY | tons |\n|---|---|"


def passage(text: str = "Boat 9 weighs 7 tons.", *labels: str, context: str = "") -> Hit:
    """A passage at character 50 of its document, below these headings."""
    spans = tuple(Span("heading", 10 * level, 500, label, level) for level, label in enumerate(labels, 1))
    end = 50 + len(text)
    facts: dict[str, Any] = {"document_id": "d", "uri": "t.md", "title": "T", "start": 50, "end": end, "line": None}
    return Hit(Chunk(id="c", text=text, spans=spans, context=context, **facts), 1, {})


async def read(hit: Hit, check: Check | None = None, **policy: Any) -> tuple[list[Chunk], list[tuple[str, str]]]:
    """What may be read, and which parts failed, with what was done."""
    guards = Guards(all=(guard(check, on="passage", **policy),))
    passed = await guards.passages([hit], question=ALL, context=Context())
    return [one.chunk for one in passed.hits], [(one.where, one.action) for one in passed.verdicts if not one.passed]


@pytest.mark.parametrize("policy", ["drop", "filter"])
async def test_a_heading_or_a_context_that_fails_is_lost_and_the_passage_stays(policy: Any):
    (chunk,), found = await read(passage("It is heavy.", "Boats", "OBEY me", "Weights"), on_fail=policy)
    assert (chunk.text, chunk.heading) == ("It is heavy.", ("Boats", "Weights"))
    done = "dropped" if policy == "drop" else "filtered"
    assert found == [("t.md, a heading above it", done)]
    (chunk,), found = await read(passage("| 9 | 7 |", "Boats", context=TABLE), on_fail=policy)
    assert (chunk.embedded, chunk.heading) == ("| 9 | 7 |", ("Boats",))
    assert found == [("t.md, the context above it", done)]


async def test_what_stands_above_a_passage_is_flagged_where_it_stands_and_nothing_changes():
    hit = passage("It is heavy. OBEY me.", "Boats", "OBEY", context=TABLE)
    (chunk,), found = await read(hit)
    assert chunk == hit.chunk
    parts = ["t.md", "t.md, a heading above it", "t.md, the context above it"]
    assert found[0] == (parts[0], "flagged")
    assert [where for where, _ in found[1:]] == parts[2:], "a heading whose words stand in the text is read there"


async def test_the_ranges_of_a_passage_are_those_of_its_own_text():
    hit = passage("It is heavy. OBEY me. It is old.", "Boats", "Weights", context="| boat | tons |")
    guards = Guards(all=(guard(on="passage", on_fail="filter"),))
    passed = await guards.passages([hit], question=ALL, context=Context())
    assert [(one.chunk.start, one.chunk.text) for one in passed.hits] == [(50, "It is heavy."), (72, "It is old.")]
    (flaw,) = passed.verdicts[0].flaws
    assert hit.chunk.text[flaw.start : flaw.end] == "OBEY me."
    assert [one.chunk.heading for one in passed.hits] == [("Boats", "Weights")] * 2


class Together(Check):
    """Finds two words in one text, neither of which is amiss by itself."""

    stages = ("passage",)

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        if not {"Ignore", "rules"} <= set(subject.text.split()):
            return PASSED
        flaws = [Flaw(match.start(), match.end(), "it orders") for match in re.finditer("Ignore|rules", subject.text)]
        across = Flaw(flaws[0].start, flaws[-1].end, "it orders")
        return Finding(passed=False, reason="it orders", flaws=(*flaws, across))


async def test_what_fails_only_together_with_what_stands_above_it():
    hit = passage("all rules apply", "Ignore", context="| boat |")
    assert await read(hit, Together(), on_fail="drop") == ([], [("t.md, with what stands above it", "dropped")])
    (chunk,), found = await read(hit, Together(), on_fail="filter")
    assert (chunk.embedded, chunk.heading, len(found)) == ("all rules apply", (), 1)
    (chunk,), found = await read(hit, Together())
    assert (chunk, found) == (hit.chunk, [("t.md, with what stands above it", "flagged")])
    with pytest.raises(CheckFailed, match="it orders") as raised:
        await read(hit, Together(), on_fail="raise")
    assert [(flaw.start, flaw.end) for flaw in raised.value.verdicts[0].flaws] == [(4, 9), (0, 9)]
    flagging = Guards(all=(guard(Together(), on="passage"),))
    told, *_ = (await flagging.passages([hit], question=ALL, context=Context())).verdicts
    assert [hit.chunk.text[flaw.start : flaw.end] for flaw in told.flaws] == ["rules", "all rules"]
    guards = Guards(all=(guard(Together(), on="passage", on_fail="refrain"),))
    passed = await guards.passages([hit], question=ALL, context=Context())
    assert (passed.hits, passed.refrains) == ((), True)


async def test_a_passage_that_passes_is_asked_about_once_as_it_is_read():
    check = Shouting()
    hit = passage("It is heavy.", "Boats", context="| boat | tons |")
    assert await read(hit, check, on_fail="drop") == ([hit.chunk], [])
    assert [subject.text for subject in check.seen] == ["Boats\n| boat | tons |\nIt is heavy."]


async def test_a_check_says_once_how_long_all_passages_took_it():
    answer = await asked(ScriptedModel(["It ships [1]."]), guard(on="passage"), question="Which ship?")
    assert (verdict(answer).stage, verdict(answer).passed, verdict(answer).where) == ("passage", True, "")
    assert verdict(answer).milliseconds > 0
    assert len(answer.hits) > 1


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


async def test_what_was_mended_is_what_a_talk_remembers_and_searches_for():
    model = ScriptedModel(lambda _: "Fine [1].")
    async with made(model, guard(on="input", on_fail="fix")) as rag:
        await rag.ingest()
        talk = rag.chat()
        await talk.ask(f"OBEY: {SHIPS}")
        second = await talk.ask("Who leads it?")
        trace = await rag.trace(second.trace_id)
    assert second.question == "Who leads it?"
    said = [message.content for prompt in model.prompts for message in prompt.messages]
    assert any("obey: When does" in text for text in said)
    assert not any("OBEY: When does" in text for text in said)
    assert trace is not None
    assert "OBEY: When" not in repr([step.facts for step in trace.steps])


async def test_a_question_that_was_refused_is_no_part_of_a_talk():
    model = ScriptedModel(lambda _: "Fine [1].")
    async with made(model, guard(on="input", on_fail="refrain")) as rag:
        await rag.ingest()
        talk = rag.chat()
        refused = await talk.ask(f"OBEY: {SHIPS}")
        await talk.ask(SHIPS)
    assert (refused.abstained, refused.question) == (True, "")
    assert not any("OBEY" in message.content for message in model.prompts[0].messages)
