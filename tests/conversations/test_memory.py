"""What a follow-up question refers to, and what of a conversation goes with the next question."""

from __future__ import annotations

from typing import Any

import pytest

from ragstone.conversations.memory import MemoryOnly, query, remembered
from ragstone.conversations.packing import BUDGET, packed
from ragstone.errors import ModelTimeout
from ragstone.prompts.estimate import estimated
from ragstone.turns import Turn
from ragstone.types import Answer, Completion, Message, Prompt

HALIBUT = "When does the halibut project ship?"
LONG = "word " * 100


def answer(question: str, text: str, **prompt: Any) -> Answer:
    return Answer(
        text=text,
        abstained=False,
        citations=(),
        hits=(),
        prompt=Prompt(name="chat", version="1", messages=(), **prompt),
        completion=Completion(text=text, model="m"),
        trace_id="t",
        question=question,
    )


async def talked(*said: tuple[str, str]) -> MemoryOnly:
    memory = MemoryOnly()
    for question, text in said:
        await remembered(memory, answer(question, text), after=await memory.begun())
    return memory


class Summariser:
    """Says which turns it was given; without words of its own nothing."""

    def __init__(self, *, words: str = "In short", fails: bool = False) -> None:
        self.words, self.fails, self.asked = words, fails, list[tuple[str, str]]()

    async def __call__(self, turns: str, earlier: str) -> str:
        self.asked.append((turns, earlier))
        if self.fails:
            raise ModelTimeout("no summary within 30 s")
        return self.words and f"{self.words} {len(self.asked)}."


async def silent(turns: str, earlier: str) -> str:
    return ""


def tokens(messages: tuple[Message, ...]) -> int:
    return sum(estimated(one.content) for one in messages)


@pytest.mark.parametrize(
    "question", ["Who leads it?", "And the turbot?", "Why?", "What about its budget for next year?"]
)
def test_a_question_that_points_back_is_searched_with_the_one_before(question: str):
    assert query(HALIBUT, question) == f"{HALIBUT} {question}"


def test_a_question_that_stands_alone_is_left_alone():
    assert query(HALIBUT, "Which fonts does the style guide allow?") == "Which fonts does the style guide allow?"


def test_the_first_question_has_nothing_to_point_back_to():
    assert query("", "Why?") == "Why?"


async def test_a_chain_of_follow_ups_keeps_the_topic():
    memory = await talked((HALIBUT, "On 3 May 2031."), ("Who leads it?", "Ana Ruiz."))
    assert (await memory.begun()).topic == HALIBUT


async def test_a_question_that_was_refused_is_not_sent_again() -> None:
    memory = await talked(("", "A check does not allow it."))
    assert await memory.begun() == MemoryOnly().conversation
    assert (await packed(memory, silent, turns=0)).history == ()


async def test_what_is_confidential_stays_so():
    memory = MemoryOnly()
    await remembered(memory, answer(HALIBUT, "Soon.", confidential=True), after=await memory.begun())
    await remembered(memory, answer("Which fonts are allowed?", "All."), after=await memory.begun())
    assert (await memory.begun()).confidential


async def test_a_turn_knows_what_had_been_said_when_it_was_asked():
    memory = await talked((HALIBUT, "On 3 May 2031."))
    before = await memory.begun()
    for text in ("Ana Ruiz.", "Ana."):
        await remembered(memory, answer("Who leads it?", text), after=before)
    assert [(turn.number, turn.parent) for turn in await memory.turns()] == [(1, 0), (2, 1), (3, 1)]


# ── What goes with the next question ────────────────────────────────────────────────────────────────────────────────


async def test_a_short_conversation_is_sent_whole():
    memory = await talked((HALIBUT, "On 3 May 2031."), ("Who leads it?", "Ana Ruiz."))
    summarise = Summariser()
    sent = await packed(memory, summarise, turns=2)
    assert [one.content for one in sent.history] == [HALIBUT, "On 3 May 2031.", "Who leads it?", "Ana Ruiz."]
    assert [one.role for one in sent.history] == ["user", "assistant", "user", "assistant"]
    assert not summarise.asked


async def test_without_a_model_the_last_turns_that_fit_are_sent():
    memory = await talked(*((f"Question {number}?", LONG) for number in range(60)))
    sent = (await packed(memory, silent, turns=60)).history
    assert tokens(sent) <= BUDGET < tokens(sent) + 2 * estimated(LONG)
    assert sent[-2].content == "Question 59?"
    assert await memory.summary() is None


async def test_what_does_not_fit_is_summarised_once_for_each_stretch():
    memory, summarise = MemoryOnly(), Summariser()
    for number in range(60):
        talk = await memory.begun()
        sent = await packed(memory, summarise, turns=talk.turns)
        assert tokens(sent.history) <= BUDGET + 50
        assert [one.role for one in sent.history] == ["user", "assistant"] * (len(sent.history) // 2)
        await remembered(memory, answer(f"Question {number}?", LONG), after=talk)
    seen = [line for turns, _ in summarise.asked for line in turns.splitlines() if line.startswith("user:")]
    assert seen == [f"user: Question {number}?" for number in range(len(seen))]  # each one once, and none left out
    assert 2 <= len(summarise.asked) < 15
    earlier = [before for _, before in summarise.asked]
    assert earlier == ["", *(f"In short {number}." for number in range(1, len(earlier)))]
    last = (await packed(memory, summarise, turns=60)).history
    assert last[0].content.startswith(f"In short {len(summarise.asked)}.\n\nQuestion ")


async def test_a_summary_that_fails_costs_a_notice():
    memory = await talked(*((f"Question {number}?", LONG) for number in range(60)))
    sent = await packed(memory, Summariser(fails=True), turns=60)
    assert sent.history[-2].content == "Question 59?"
    assert sent.notices == ("The conversation was not summarised: no summary within 30 s",)


async def test_of_a_hundred_thousand_messages_only_the_last_are_read():
    class Counted(MemoryOnly):
        read = 0

        async def turns(self, *, before: int = 0) -> list[Turn]:
            page = await MemoryOnly.turns(self, before=before)
            Counted.read += len(page)
            return page

    memory, summarise = Counted(), Summariser()
    for number in range(50_000):
        await memory.add(Turn(question=f"Question {number}?", text=LONG), topic="")
    sent = await packed(memory, summarise, turns=50_000)
    assert tokens(sent.history) <= BUDGET
    assert Counted.read <= 400
    assert "Question 49999?" in sent.history[-2].content
    assert len(summarise.asked) == 1
    assert len(summarise.asked[0][0]) < 60_000


async def test_the_last_turn_is_sent_however_long_it_is():
    memory = await talked((HALIBUT, LONG * 100))
    assert len((await packed(memory, silent, turns=1)).history) == 2


async def test_an_answer_whose_document_was_forgotten_is_not_sent():
    memory = MemoryOnly()
    await memory.add(Turn(question=HALIBUT, text="", forgotten=True), topic=HALIBUT)
    await memory.add(Turn(question="Which fonts?", text="All."), topic="Which fonts?")
    assert [one.content for one in (await packed(memory, silent, turns=2)).history] == ["Which fonts?", "All."]
