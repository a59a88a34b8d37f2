"""Personal data is not remembered: neither what a person has told nor what a model has added to the passages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ragstone.caching.personal import WHY, Impersonal
from ragstone.testing.suites.model import prompt
from ragstone.types import Chunk, Completion, Context, Hit, Message, Prompt, Slot
from ragstone.validation.personal.check import PersonalCheck
from ragstone.verdicts import Subject, Verdict

personal = Impersonal(PersonalCheck())
MAIL, PHONE, CARD = "jane.doe@example.com", "+49 231 555 0142", "4111 1111 1111 1111"


def asked(question: str = "When does it open?", *, passage: str = "", others: tuple[Slot, ...] = ()) -> Prompt:
    """A prompt with a question, a passage and other slots."""
    chunk = Chunk(id="1", document_id="d", uri="opening.md", title="", text=passage, start=0, end=len(passage), line=1)
    found = Slot(name="passages", trust="retrieved", text=f"[1] {passage}", hits=(Hit(chunk, 1, {}),))
    return replace(prompt(), slots=(Slot(name="question", trust="user", text=question), found, *others))


def said(text: str, **given: str) -> Completion:
    return Completion(text=text, model="scripted", **given)


async def test_what_holds_none_is_kept() -> None:
    assert await personal(asked(), said("At nine on 3 May 2031, in room 1204.")) is None


@pytest.mark.parametrize("value", [MAIL, PHONE, CARD, "12 Harbour Road, Suite 4", "passport no. C03005988"])
async def test_what_a_person_tells_is_not_kept(value: str) -> None:
    asking = asked(f"I am at {value}. When does it open?", passage=f"Write to {value}.")
    assert await personal(asking, said("At nine.")) == WHY


@pytest.mark.parametrize(("name", "trust"), [("history", "user"), ("country", "user")])
async def test_nor_is_what_was_told_in_another_input_or_an_earlier_turn(name: str, trust: str) -> None:
    slot = Slot(name=name, trust=trust, text=f"Mine is {MAIL}")  # type: ignore[arg-type]
    assert await personal(asked(others=(slot,)), said("At nine.")) == WHY


@pytest.mark.parametrize("where", ["text", "reasoning"])
async def test_what_a_model_adds_is_not_kept(where: str) -> None:
    given = {"text": "At nine."} | {where: f"Call {PHONE}."}
    assert await personal(asked(passage="Call us."), said(**given)) == WHY


@pytest.mark.parametrize("written", [PHONE, "+49 231 / 555-0142", "0049231 5550142"])
async def test_what_an_answer_repeats_from_a_passage_is_kept(written: str) -> None:
    passage = f"Call us at {PHONE} (0049231 5550142), or write to Jane.Doe@example.com."
    assert await personal(asked(passage=passage), said(f"Call {written}, or {MAIL}.")) is None


@pytest.mark.parametrize(("stands", "written"), [("10.1.11.2", "10.11.1.2"), ("+49 231 555 01427", PHONE)])
async def test_another_value_of_the_same_characters_is_not_repeated(stands: str, written: str) -> None:
    assert await personal(asked(passage=f"It is {stands} here."), said(f"It is {stands} here.")) is None
    assert await personal(asked(passage=f"It is {stands} here."), said(f"It is {written} here.")) == WHY


@pytest.mark.parametrize(("words", "why"), [(80, None), (100_000, WHY)])
async def test_where_a_check_points_at_nothing_the_text_is_looked_for_unless_it_is_long(
    words: int, why: str | None
) -> None:
    class Pointless(PersonalCheck):
        async def check(self, subject: Subject, *, context: Context) -> Verdict:
            return Verdict(check="personal", passed="Jane" not in subject.text)

    text = "Jane " * words
    assert await Impersonal(Pointless())(asked(passage=text), said(text)) == why


async def test_one_value_that_stands_in_no_passage_is_enough() -> None:
    assert await personal(asked(passage=f"Call {PHONE}."), said(f"Call {PHONE} or pay with {CARD}.")) == WHY


async def test_what_is_hidden_from_the_eye_is_seen() -> None:
    hidden = MAIL.replace("@", "\u200b\uff20")
    assert await personal(asked(f"I am {hidden}."), said("At nine.")) == WHY


async def test_the_words_of_the_author_are_nobodys() -> None:
    shown = Slot(name="examples", trust="user", text=f"Who helps? {MAIL}")
    instructing = replace(asked(others=(shown,)), messages=(Message("system", f"Support has {MAIL}."),))
    assert await personal(instructing, said("At nine.")) is None


async def test_messages_that_were_given_by_hand_are_looked_through() -> None:
    messages = (Message("system", f"Support has {MAIL}."), Message("user", "Hello"))
    loose = replace(prompt(), loose=True, slots=(), messages=messages)
    assert await personal(loose, said("Hello.")) is None
    assert await personal(replace(loose, messages=(*messages, Message("user", f"I am {PHONE}"))), said("")) == WHY


async def test_a_long_text_is_looked_through_to_its_end() -> None:
    assert await personal(asked("a word " * 2_000 + MAIL), said("")) == WHY
