"""Which cases share words with prompts, examples and each other."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.cli.init import Default, write
from ragstone.evaluation.cases import Case
from ragstone.evaluation.contamination import ALIKE, LEAST, WORDS, found
from ragstone.project import Project

LONG = "After how many hours on a train may a guest of the house travel in first class at our expense?"
ANSWER = "A guest may travel in first class after four hours on a train, and the house pays for it."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for folder in ("examples", "tests", "parts"):
        (tmp_path / "prompts" / folder).mkdir(parents=True)
    return Project(tmp_path)


def case(id_: str = "a", question: str = "What is told nowhere else?", **more: Any) -> Case:
    return Case(id=id_, question=question, where=f"cases.jsonl:{id_}", **more)


def example(question: str, output: str = "Yes.", **more: object) -> str:
    return json.dumps({"inputs": {"question": question}, "output": output, **more}) + "\n"


def test_a_question_of_an_example_is_found_with_its_line_and_all_its_words(project: Project):
    (project.root / "prompts/examples/qa.jsonl").write_text(example("How long is the warranty?") + example(LONG))
    (finding,) = found([case(question=LONG.upper().replace(" ", "  "))], project)
    assert (finding.kind, finding.field, finding.place) == ("example", "question", "prompts/examples/qa.jsonl:2")
    assert finding.share == 1
    assert finding.words.startswith("after how many hours on train may guest")


def test_a_right_answer_and_a_rubric_in_the_words_of_a_prompt_are_found(project: Project):
    rubric = "Full marks for an answer that names the four hours and who pays for the journey."
    prompt = f"---\nname: a\n---\nsystem:\nFor example: {ANSWER}\n\nuser:\n{rubric}\n{{{{ question }}}}\n"
    (project.root / "prompts/a.prompty").write_text(prompt)
    findings = found([case(expected=("Four hours.", ANSWER), rubric=rubric)], project)
    assert {(one.field, one.place, one.share) for one in findings} == {
        ("expected", "prompts/a.prompty:5", 1.0),
        ("rubric", "prompts/a.prompty:8", 1.0),
    }


def test_the_share_is_that_of_the_texts_own_n_grams(project: Project):
    words = [f"word{number}" for number in range(20)]
    (project.root / "prompts/parts/a.md").write_text(" ".join(words[3:13]))
    (finding,) = found([case(question=" ".join(words))], project)
    assert finding.words == " ".join(words[3:13])
    assert finding.share == 3 / 13


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("tests/a.yaml", LONG),
        ("tests/a.md", LONG),
        ("README.md", LONG),
        ("a.prompty", f"---\ninputs:\n  - {{name: question, example: '{LONG}'}}\n---\nuser:\n{{{{ question }}}}\n"),
        ("examples/a.jsonl", example("Why?", about={"from": LONG}, id=LONG)),
    ],
)
def test_what_no_model_is_shown_does_not_count(project: Project, file: str, text: str):
    (project.root / "prompts" / file).write_text(text)
    assert found([case(question=LONG)], project) == []


def test_the_outputs_of_a_prompt_are_said_to_the_model(project: Project):
    front = f"name: a\noutputs:\n  - name: hours\n    description: {LONG}\nmodel: {{}}\n"
    (project.root / "prompts/a.prompty").write_text(f"---\n{front}---\nuser:\nHello\n")
    (finding,) = found([case(question=LONG)], project)
    assert finding.place == "prompts/a.prompty:5"


def test_what_a_placeholder_parts_is_no_stretch_of_words(project: Project):
    first, second = LONG[:50], LONG[50:]
    assert second.startswith(" ")
    (project.root / "prompts/a.md").write_text(f"{first} {{{{ passages }}}} {second}")
    assert all(one.share < 1 for one in found([case(question=LONG)], project))


@pytest.mark.parametrize(
    ("question", "shown", "there"),
    [
        ("How long does this warranty last?", "People ask: how long does this warranty last? Say it.", True),
        ("How long does this warranty last?", "How long does this other warranty last?", False),
        ("Why so?", "Why so?", False),  # two words come together by chance
    ],
)
def test_a_short_text_counts_where_it_stands_as_a_whole(project: Project, question: str, shown: str, there: bool):
    (project.root / "prompts/a.md").write_text(shown)
    assert bool(found([case(question=question)], project)) is there


def test_a_question_of_any_length_counts_where_an_example_asks_it(project: Project):
    (project.root / "prompts/examples/a.jsonl").write_text(example("What is RAG?"))
    (finding,) = found([case(question="what is rag"), case("b", "What is BM25?")], project)
    assert (finding.case, finding.place, finding.share) == ("a", "prompts/examples/a.jsonl:1", 1.0)


def test_a_short_right_answer_says_nothing(project: Project):
    (project.root / "prompts/examples/a.jsonl").write_text(example("Is it so?", "Four hours."))
    assert found([case(expected=("Four hours.", "Yes."))], project) == []


@pytest.mark.parametrize(
    ("question", "there"),
    [("第一等车厢在几个小时以上的旅程中允许乘坐呢", True), ("第一等车厢的费用由谁来支付", False)],
)
def test_chinese_is_compared_by_characters(project: Project, question: str, there: bool):
    shown = "例如:第一等车厢在几个小时以上的旅程中允许乘坐呢?"
    (project.root / "prompts/a.md").write_text(shown)
    assert bool(found([case(question=question)], project)) is there


def test_thai_takes_more_characters_than_chinese(project: Project):
    shared = "อนุญาตให้เดินทางชั้นหนึ่ง"
    (project.root / "prompts/a.md").write_text(shared)
    assert found([case(question=f"{shared}เมื่อไหร่ และใครเป็นผู้จ่ายค่าใช้จ่ายทั้งหมด")], project) == []
    (project.root / "prompts/a.md").write_text(f"{shared}เมื่อไหร่ และใครเป็น")
    assert found([case(question=f"{shared}เมื่อไหร่ และใครเป็นผู้จ่ายค่าใช้จ่ายทั้งหมด")], project)


def test_words_that_all_cases_have_are_boilerplate(project: Project):
    """A prompt that knows the template of the questions knows none of them."""
    template = "Answer from the handbook in one short sentence and name the page where it stands: what is"
    (project.root / "prompts/a.md").write_text(f"{template} the colour of thing7 in the evening of a long day?")
    ends = [f"the colour of thing{number} in the evening of a long day?" for number in range(40)]
    cases = [case(str(number), f"{template} {end}") for number, end in enumerate(ends)]
    (finding,) = found(cases, project)
    assert finding.case == "7"
    assert "thing7" in finding.words


def test_fewer_than_five_cases_with_the_same_words_are_no_boilerplate(project: Project):
    (project.root / "prompts/a.md").write_text(ANSWER)
    cases = [case(str(number), f"Which is number {number}?", rubric=ANSWER) for number in range(6)]
    assert len(found(cases[:4], project)) == 4
    assert found(cases, project) == []


def test_what_an_abstaining_case_expects_is_the_prompts_own_sentence(project: Project):
    (project.root / "prompts/a.md").write_text("Else reply: The documents do not answer this question.")
    silent = case(expected=("The documents do not answer this question.",), abstains=True)
    assert found([silent], project) == []


def test_one_finding_for_each_field_and_file_counts_the_places(project: Project):
    rows = [example(LONG), example(f"{LONG[:60]} by bus?"), example(LONG)]
    (project.root / "prompts/examples/a.jsonl").write_text("".join(rows))
    (finding,) = found([case(question=LONG)], project)
    assert (finding.place, finding.places, finding.share) == ("prompts/examples/a.jsonl:1", 3, 1.0)


def test_a_file_that_cannot_be_read_as_text_is_left_out(project: Project):
    (project.root / "prompts/a.md").write_bytes(b"\xff\xfe\x00")
    (project.root / "prompts/examples/a.jsonl").write_text(f"{LONG}\n[" + "[" * 100_000)
    (finding,) = found([case(question=LONG)], project)
    assert finding.place == "prompts/examples/a.jsonl:1"


def test_the_shipped_prompts_know_no_question_of_their_own_kind(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    asked = ["When is first class allowed?", "Who is the chairman of the board?", "How long is a chunk?"]
    assert found([case(str(n), one, expected=("Four hours.",)) for n, one in enumerate(asked)], Project(tmp_path)) == []


# ── Cases that ask the same ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_question_under_two_ids_is_found(project: Project):
    twice = [case("a", "When does it ship?"), case("b", "Does it ship, when?"), case("c", "When does it arrive?")]
    (finding,) = found(twice, project)
    assert (finding.case, finding.other, finding.place, finding.share) == ("b", "a", "cases.jsonl:a", 1.0)


@pytest.mark.parametrize(
    "more", [{"principals": ("group:hr",)}, {"filters": {"lang": "de"}}, {"inputs": {"tone": "short"}}]
)
def test_the_same_question_of_another_reader_is_another_case(project: Project, more: dict[str, Any]):
    assert found([case("a"), case("b", **more)], project) == []


def test_a_long_question_with_one_word_more_is_nearly_the_same(project: Project):
    twice = [case("a", LONG), case("b", f"{LONG} Please")]
    (finding,) = found(twice, project)
    assert (finding.case, finding.other) == ("b", "a")
    assert ALIKE <= finding.share < 1


def test_questions_of_one_template_are_not_the_same(project: Project):
    asked = [f"What is the capital of the country {name}?" for name in ("France", "Peru", "Chad", "Mali", "Oman")]
    assert found([case(str(number), one) for number, one in enumerate(asked)], project) == []


# ── Invariants ──────────────────────────────────────────────────────────────────────────────────────────────────────

WORD = st.text(string.ascii_lowercase, min_size=2, max_size=3).filter(lambda word: word not in ("an", "the"))


@settings(max_examples=60)
@given(asked=st.lists(WORD, min_size=1, max_size=30), shown=st.lists(WORD, max_size=60), at=st.integers(0, 60))
def test_it_finds_just_what_a_search_of_every_stretch_finds(
    tmp_path_factory: pytest.TempPathFactory, asked: list[str], shown: list[str], at: int
):
    """Also where the question stands in the prompt from a place on, cut short or not."""
    root = tmp_path_factory.mktemp("project")
    (root / "prompts").mkdir()
    words = [*shown[:at], *asked[: max(1, len(shown) % 31)], *shown[at:]]
    (root / "prompts" / "a.md").write_text(" ".join(words))
    size = min(WORDS, len(asked))
    there = {tuple(words[n : n + size]) for n in range(len(words) - size + 1)}
    own = [tuple(asked[n : n + size]) for n in range(len(asked) - size + 1)]
    expected = sum(gram in there for gram in own) / len(own) if size >= LEAST else 0
    findings = found([case(question=" ".join(asked))], Project(root))
    assert [one.share for one in findings] == ([expected] if expected else [])


def test_many_cases_and_examples_take_time_in_proportion(project: Project):
    """A count, and no time: each word of an example is looked up once for each length that begins like it."""
    lot = random.Random(0)
    vocabulary = [f"w{number}" for number in range(2_000)]
    asked = [" ".join(lot.choices(vocabulary, k=14)) for _ in range(2_000)]
    rows = [example(" ".join(lot.choices(vocabulary, k=30))) for _ in range(200)]
    (project.root / "prompts/examples/a.jsonl").write_text("".join([*rows, example(asked[7])]))
    (finding,) = found([case(str(number), one) for number, one in enumerate(asked)], project)
    assert (finding.case, finding.place) == ("7", "prompts/examples/a.jsonl:201")
