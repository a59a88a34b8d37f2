"""What a follow-up question refers to."""

from __future__ import annotations

import pytest

from ragstone.conversations.memory import TURNS_SENT, Conversation
from ragstone.types import Answer, Completion, Message, Prompt

HALIBUT = "When does the halibut project ship?"


def answer(question: str, text: str) -> Answer:
    return Answer(
        text=text,
        abstained=False,
        citations=(),
        hits=(),
        prompt=Prompt(name="chat", version="1", messages=()),
        completion=Completion(text=text, model="m"),
        trace_id="t",
        question=question,
    )


@pytest.mark.parametrize(
    "question", ["Who leads it?", "And the turbot?", "Why?", "What about its budget for next year?"]
)
def test_a_question_that_points_back_is_searched_with_the_one_before(question: str):
    talk = Conversation()
    talk.remember(answer(HALIBUT, "On 3 May 2031."))
    assert talk.query(question) == f"{HALIBUT} {question}"


def test_a_question_that_stands_alone_is_left_alone():
    talk = Conversation()
    talk.remember(answer(HALIBUT, "On 3 May 2031."))
    assert talk.query("Which fonts does the style guide allow?") == "Which fonts does the style guide allow?"


def test_a_chain_of_follow_ups_keeps_the_topic():
    talk = Conversation()
    talk.remember(answer(HALIBUT, "On 3 May 2031."))
    talk.remember(answer("Who leads it?", "Ana Ruiz."))
    assert talk.query("Where does she work?") == f"{HALIBUT} Where does she work?"


def test_the_first_question_has_nothing_to_point_back_to():
    assert Conversation().query("Why?") == "Why?"


def test_history_is_the_last_turns_as_messages():
    talk = Conversation()
    for number in range(TURNS_SENT + 2):
        talk.remember(answer(f"Question number {number} about halibut", f"Answer {number}"))
    history = talk.history()
    assert len(history) == 2 * TURNS_SENT
    assert history[0] == Message("user", "Question number 2 about halibut")
    assert history[-1] == Message("assistant", f"Answer {TURNS_SENT + 1}")


def test_a_question_that_was_refused_is_not_sent_again() -> None:
    talk = Conversation()
    talk.remember(answer("", "A check does not allow it."))
    assert (talk.history(), talk.query("Who leads it?")) == ((), "Who leads it?")
