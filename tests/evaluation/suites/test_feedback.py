"""Cases from what people have said of answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.callers import shown
from ragstone.evaluation.suites.feedback import from_feedback
from ragstone.state.feedback import Feedback

KEYS = {"draft", "id", "question", "expected", "relevant", "abstains", "tags", "principals"}


def row(**more: Any) -> Feedback:
    said: dict[str, Any] = {"trace": "a1", "question": "When does it ship?", "answer": "In June [1].", **more}
    return Feedback(citations=said.pop("citations", ("a.md",)), **said)


def case(*rows: Feedback) -> dict[str, Any]:
    (found,) = from_feedback(rows)
    return found


def test_a_correction_is_the_expected_answer_and_what_was_cited_is_not_relevant():
    found = case(row(correction="In May.", good=False))
    assert found["expected"] == ["In May."]
    assert found["tags"] == ["feedback", "corrected"]
    assert "relevant" not in found


def test_thumbs_up_make_what_was_cited_relevant():
    found = case(row(good=True, citations=("b.md", "a.md")))
    assert (found["relevant"], found["tags"]) == (["b.md", "a.md"], ["feedback", "liked"])
    assert "expected" not in found


def test_thumbs_up_for_an_abstention_say_that_nothing_answers_it():
    found = case(row(good=True, abstained=True, citations=()))
    assert (found["abstains"], found["tags"]) == (True, ["feedback", "liked"])


@pytest.mark.parametrize(
    "rows",
    [
        [row(good=False)],
        [row(comment="Hm.")],
        [row(good=True, citations=())],  # an answer that cites nothing
        [row(good=True, request="chat")],
        [row(correction="In May.", request="chat")],
        [row(good=True, question=shown("word " * 999))],
        [row(good=True), row(good=False, by="bo")],
        [row(good=True), row(correction="In May.", good=False, by="bo")],
        [row(good=True), row(good=True, abstained=True, by="bo")],
        [row(good=True, abstained=True, citations=()), row(correction="In May.", good=False, by="bo")],
        [row(correction="In May."), row(correction="In July.", by="bo")],
    ],
)
def test_what_nobody_has_settled_is_for_a_person(rows: list[Feedback]):
    assert case(*rows)["draft"] is True


@pytest.mark.parametrize(
    "rows",
    [
        [row(good=False), row(correction="In May.", good=False, by="bo")],
        [row(correction="In May."), row(correction="In May.", by="bo")],
        [row(good=True), row(good=True, by="bo"), row(comment="Nice.", by="cy")],
    ],
)
def test_people_who_agree_settle_it(rows: list[Feedback]):
    assert "draft" not in case(*rows)


def test_the_same_question_is_one_case_by_its_oldest_trace():
    rows = [row(trace="b2", given=2.0, question="when does it ship"), row(given=1.0, good=True)]
    assert case(*rows)["id"] == "feedback-a1"


def test_the_same_question_of_other_readers_is_another_case():
    found = from_feedback([row(good=True), row(good=True, trace="b2", principals=("group:hr",))])
    assert [one.get("principals") for one in found] == [None, ["group:hr"]]


ROWS = st.builds(
    row,
    trace=st.sampled_from(["a", "b", "c"]),
    question=st.sampled_from(["When?", "when", "Who?"]),
    good=st.sampled_from([None, True, False]),
    correction=st.sampled_from(["", "In May.", "In July."]),
    by=st.sampled_from(["", "bo"]),
    abstained=st.booleans(),
    given=st.floats(0, 9),
)


@given(rows=st.lists(ROWS, max_size=8, unique_by=lambda row: (row.trace, row.by)), lot=st.randoms())
def test_every_case_has_an_expectation_or_waits_for_one_and_order_does_not_count(rows: list[Feedback], lot: Any):
    found = from_feedback(rows)
    for one in found:
        assert one.keys() <= KEYS
        assert "draft" in one or one.keys() & {"expected", "relevant", "abstains"}
    assert len({one["id"] for one in found}) <= len(found)
    lot.shuffle(rows)
    assert from_feedback(rows) == found
