from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.extractive.candidates import Candidate, candidates
from ragstone.connectors.extractive.signals import Passage, Question, measured
from ragstone.types import Chunk, Hit, Span

MakeHit = Callable[..., Hit]


def signals(question: str, hit: Hit, *, language: str = "en") -> list[dict[str, float]]:
    """Those of each sentence, rounded."""
    passage, asked = Passage(hit.chunk, language), Question(question, language)
    found = [measured(asked, passage, candidate) for candidate in candidates([hit])]
    return [{name: round(value, 2) for name, value in each.items()} for each in found]


def test_words_count_in_the_sentence_around_it_and_in_the_passage(hit: MakeHit) -> None:
    text = "# Halibut\n\nThe project ships in May. Its lead is Ana Ruiz. She moved from Turbot."
    ships, leads, moved = signals("Who leads the halibut project?", hit(text, headings=("Halibut",)))
    assert (ships["coverage"], ships["context"], ships["passage"]) == (0.33, 0.67, 1.0)
    assert (leads["coverage"], leads["context"]) == (0.33, 1.0)
    assert (moved["coverage"], moved["context"]) == (0.0, 0.67)


def test_the_title_belongs_to_what_is_around_a_sentence(hit: MakeHit) -> None:
    (found,) = signals("When does halibut ship?", hit("It ships in May.", title="Halibut"))
    assert (found["coverage"], found["context"]) == (0.5, 1.0)


def test_a_sentence_stands_under_its_own_heading(hit: MakeHit) -> None:
    text = "# Turbot\n\nIt sails.\n\n# Halibut\n\nIt ships."
    found = hit(text)
    spans = (Span("heading", 0, 20, "Turbot", 1), Span("heading", 21, len(text), "Halibut", 1))
    found = replace(found, chunk=replace(found.chunk, spans=spans))
    sails, ships = signals("When does halibut go?", found)
    assert (sails["context"], ships["context"]) == (0.0, 0.5)


@pytest.mark.parametrize(
    ("question", "sentence", "coverage"),
    [
        ("Regierung", "Die Regierungen tagen.", 0.82),
        ("Regierung", "Das Regiment tagt.", 0.0),
        ("Tor", "Das Tor ist zu.", 1.0),
        ("Tor", "Der Torf ist nass.", 0.0),
    ],
)
def test_related_forms_count_in_part(question: str, sentence: str, coverage: float, hit: MakeHit) -> None:
    (found,) = signals(question, hit(sentence), language="und")
    assert found["coverage"] == coverage


@pytest.mark.parametrize(
    ("question", "sentence", "kind"),
    [
        ("When does it ship?", "It ships on 3 May.", 1.0),
        ("When does it ship?", "It ships when it is ready.", 0.0),
        ("How many ships are there?", "There are twelve ships.", 1.0),
        ("Why does it ship?", "It ships on 3 May.", 0.5),
    ],
)
def test_the_kind_of_answer_is_looked_for(question: str, sentence: str, kind: float, hit: MakeHit) -> None:
    (found,) = signals(question, hit(sentence))
    assert found["kind"] == kind


def test_chinese_is_covered_by_its_characters(hit: MakeHit) -> None:
    near, far = signals("项目负责人是谁？", hit("项目负责人是安娜·鲁伊斯。餐厅星期一供应汤。"), language="zh")
    assert near["coverage"] > 0.8
    assert far["coverage"] == 0.0


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(["en", "de", "zh", "und"]))
def test_every_signal_lies_between_0_and_1(question: str, text: str, language: str) -> None:
    chunk = Chunk(id="c", document_id="d", uri="u", title="", text=text, start=0, end=len(text), line=1)
    found = measured(Question(question, language), Passage(chunk, language), Candidate(1, 0, len(text), text, ""))
    assert set(found) == {"coverage", "context", "passage", "kind"}
    assert all(0 <= value <= 1 for value in found.values())
    assert found["coverage"] <= found["context"]
