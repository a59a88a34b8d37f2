"""What a model of others is told of personal data, and what the reader gets back."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.connectors.extractive import ExtractiveModel
from ragstone.errors import CheckFailed, NotAllowed
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.pipelines.personal import PersonalModel
from ragstone.pipelines.personal_text import Places
from ragstone.pipelines.spec import PersonalSpec
from ragstone.prompts.marks import Marking
from ragstone.protocols import Capabilities, Check
from ragstone.testing import HashingEmbedder, ScriptedModel
from ragstone.types import Chunk, Completion, Context, Delta, Hit, Message, Prompt, Slot
from ragstone.validation.personal.check import PersonalCheck
from ragstone.verdicts import Finding, Flaw, Subject

MAIL, CARD, PHONE = "jane.doe@example.com", "4111 1111 1111 1111", "+49 231 555 0142"
QUESTION = f"Is {MAIL} paid with {CARD}, and who has {PHONE}?"
OTHERS = Capabilities(local=False, samples=True)
STREET = "12 Harbour Road\n Suite 4\n Bergen 50110"


def prompt(text: str = QUESTION, *, name: str = "question", **facts: Any) -> Prompt:
    slot = Slot(name=name, trust="user" if name == "question" else "retrieved", text=text)
    messages = (Message("system", "Be brief."), Message("user", f"Question: {text}"))
    return Prompt(**{"name": "answer", "version": "1", "messages": messages, "slots": (slot,), **facts})


def echo(asked: Prompt) -> str:
    return asked.messages[-1].content


def private(script: Any = echo, *, check: Check | None = None, own: bool = False, **terms: Any) -> PersonalModel:
    inner = ScriptedModel(script, capabilities=replace(OTHERS, local=own))
    inner.name = "others"
    return PersonalModel(inner, check or PersonalCheck(types="all"), PersonalSpec(**terms))


def told(model: PersonalModel) -> str:
    inner = model.model
    assert isinstance(inner, ScriptedModel)
    return "\n".join(message.content for asked in inner.prompts for message in asked.messages) + repr(inner.prompts)


async def said(model: PersonalModel, asked: Prompt) -> str:
    return (await model.generate(asked, context=Context())).text


async def test_it_is_told_names_and_the_answer_has_the_values():
    model = private()
    assert await said(model, prompt()) == f"Question: {QUESTION}"
    assert "Is <EMAIL_ADDRESS_1> paid with <CREDIT_CARD_1>, and who has <PHONE_NUMBER_1>?" in told(model)
    assert not any(value in told(model) for value in (MAIL, CARD, PHONE))


async def test_the_same_value_has_the_same_name_in_every_message_however_it_is_written():
    messages = (
        Message("user", "My card is 4111-1111-1111-1111."),
        Message("assistant", "Thank you."),
        Message("user", f"Is {CARD} the card of JANE.DOE@example.com or of {MAIL}?"),
    )
    model = private()
    await said(model, prompt(messages=messages))
    assert "My card is <CREDIT_CARD_1>." in told(model)
    assert "Is <CREDIT_CARD_1> the card of <EMAIL_ADDRESS_1> or of <EMAIL_ADDRESS_1>?" in told(model)


async def test_a_number_that_only_the_question_names_is_found_in_the_passages_too():
    question = "My driver's license number is F162823540116"
    messages = (Message("user", f"F162823540116 was seen in Rome.\n\nQuestion: {question}"),)
    model = private()
    await said(model, prompt(question, messages=messages))
    assert "F162823540116" not in told(model)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
async def test_a_stream_that_is_cut_anywhere_says_the_values(step: int):
    class Cut(ScriptedModel):
        async def stream(self, prompt: Prompt, *, context: Context):
            text = echo(prompt)
            for at in range(0, len(text), step):
                yield Delta(text[at : at + step])
            yield Delta("", Completion(text=text, model="cut"))

    model = private()
    model.model = Cut([], capabilities=OTHERS)
    deltas = [delta async for delta in model.stream(prompt(), context=Context())]
    assert "".join(delta.text for delta in deltas) == f"Question: {QUESTION}"
    assert deltas[-1].completion is not None
    assert deltas[-1].completion.text == f"Question: {QUESTION}"


async def test_what_came_before_a_restart_is_not_held_on_to():
    class Anew(ScriptedModel):
        async def stream(self, prompt: Prompt, *, context: Context):
            yield Delta("It is <EMAIL_ADDR")
            yield Delta("", restart=True)
            yield Delta("", Completion(text="No.", model="anew"))

    model = private()
    model.model = Anew([], capabilities=OTHERS)
    deltas = [delta async for delta in model.stream(prompt(), context=Context())]
    assert [(delta.text, delta.restart) for delta in deltas] == [("It is ", False), ("", True), ("", False)]


async def test_each_sample_and_the_reasoning_have_the_values():
    line = Completion(text="email_address_1", model="m", reasoning="Hm, <EMAIL_ADDRESS_1>.")
    model = private([line, line])
    found = await model.sample(prompt(), n=2, context=Context())
    assert [(one.text, one.reasoning) for one in found] == [(MAIL, f"Hm, {MAIL}.")] * 2


async def test_json_stays_json_whatever_a_value_holds():
    schema = {"type": "object", "properties": {"street": {"type": "string"}}}
    output = Output(name="answer", schema=schema, strict=schema, words="As JSON.")
    model = private(['{"street": "<STREET_ADDRESS_1>"}', '{"street": "\\u003cSTREET_ADDRESS_1\\u003e"}'])
    asked = prompt(f"Who lives at {STREET}?", output=output)
    for _ in range(2):
        assert json.loads(await said(model, asked)) == {"street": STREET}


# ── Marks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PASSAGE = f"Call {PHONE} or write to {MAIL}; the card is {CARD}."


async def test_values_with_signs_between_their_words_are_found():
    marked = Marking("datamark", "¤").of(PASSAGE)
    assert PHONE not in marked
    slots = (Slot(name="passages", trust="retrieved", text=marked, mark="datamark", sign="¤"),)
    model = private()
    await said(model, prompt(messages=(Message("user", f"[1] {marked}"),), slots=slots))
    assert "¤Call¤<PHONE_NUMBER_1>¤or¤write¤to¤<EMAIL_ADDRESS_1>;¤the¤card¤is¤<CREDIT_CARD_1>." in told(model)


async def test_what_is_encoded_is_read_and_encoded_again():
    coded = Marking("encode").of(PASSAGE)
    slots = (Slot(name="passages", trust="retrieved", text=f"[1] {coded}", mark="encode"),)
    model = private()
    await said(model, prompt(messages=(Message("user", f"Read:\n[1] {coded}"),), slots=slots))
    assert coded not in told(model)
    again = b64encode(b"Call <PHONE_NUMBER_1> or write to <EMAIL_ADDRESS_1>; the card is <CREDIT_CARD_1>.").decode()
    assert f"Read:\n[1] {again}" in told(model)
    assert b64decode(again).decode().count("<") == 3


async def test_what_was_encoded_and_then_changed_goes_nowhere():
    coded = Marking("encode").of(PASSAGE)
    slots = (Slot(name="passages", trust="retrieved", text=coded, mark="encode"),)
    model = private()
    with pytest.raises(NotAllowed, match="passages is encoded, and nobody can look"):
        await said(model, prompt(messages=(Message("user", coded.upper()),), slots=slots))


async def test_hidden_letters_hide_nothing():
    model = private()
    await said(model, prompt("Mail jane.\u200bdoe＠example.com."))
    assert "Mail <EMAIL_ADDRESS_1>." in told(model)


async def test_the_words_of_the_prompts_author_are_left():
    words = "Write to help@example.org if you do not know."
    messages = (Message("system", words), Message("user", f"{QUESTION} Or help@example.org?"))
    model = private()
    await said(model, prompt(messages=messages, authored=words))
    assert words in told(model)
    assert "<EMAIL_ADDRESS_1> paid" in told(model)
    assert "Or help@example.org?" in told(model)


async def test_a_name_that_the_text_has_already_is_not_given_again():
    model = private()
    asked = prompt(f"What does <EMAIL_ADDRESS_1> mean, and who is {MAIL}?")
    assert await said(model, asked) == f"Question: What does <EMAIL_ADDRESS_1> mean, and who is {MAIL}?"
    assert "who is <EMAIL_ADDRESS_2>?" in told(model)


# ── Policies ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_masks_have_no_way_back():
    model = private(send="masks")
    assert "Is <EMAIL_ADDRESS> paid with <CREDIT_CARD>" in await said(model, prompt())


async def test_each_field_is_told_as_its_own_policy_says():
    messages = (Message("user", f"{PASSAGE}\n\nQuestion: {QUESTION}"),)
    slots = (
        Slot(name="passages", trust="retrieved", text=PASSAGE),
        Slot(name="question", trust="user", text=QUESTION),
    )
    model = private(fields={"passages": "masks", "question": "all"})
    await said(model, prompt(messages=messages, slots=slots))
    assert "Call <PHONE_NUMBER> or write to <EMAIL_ADDRESS>" in told(model)
    assert f"Question: {QUESTION}" in told(model)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("value", ["e", "de", "jane.doe", "@"])
async def test_a_short_value_that_stands_in_an_address_does_not_let_it_out(value: str, order: int):
    passage = "Write to jane.doe@firma.de."
    messages = (Message("user", f"{passage}\n\nQuestion: {value}"),)
    slots = (Slot(name="question", trust="user", text=value), Slot(name="passages", trust="retrieved", text=passage))
    model = private(fields={"question": "all"})
    await said(model, prompt(messages=messages, slots=slots[::order]))
    assert "Write to <EMAIL_ADDRESS_1>." in told(model)
    changed = private(fields={"question": "all"})
    await said(changed, prompt(messages=messages, slots=slots[:1]))
    assert "jane.doe@firma" not in told(changed), "nor where the template has changed the passage"


async def test_what_stands_in_two_fields_is_told_as_the_stricter_policy_says():
    passage = f"Write to {MAIL}."
    messages = (Message("user", f"{passage}\n\nQuestion: {MAIL}"),)
    slots = (Slot(name="question", trust="user", text=MAIL), Slot(name="passages", trust="retrieved", text=passage))
    model = private(fields={"question": "all", "passages": "nothing"})
    with pytest.raises(NotAllowed, match="EMAIL_ADDRESS"):
        await said(model, prompt(messages=messages, slots=slots))


def test_where_a_range_stands_is_found_without_going_through_all_places():
    class Counted(Sequence[int]):
        read = 0

        def __len__(self) -> int:
            return 100_000

        def __getitem__(self, at: Any) -> Any:
            self.read += 1
            return 3 * at

    starts = Counted()
    places = Places("question", starts, 2)
    assert [places.hold(*one) for one in ((3, 5), (4, 5), (4, 6), (299_997, 299_999), (5, 6))] == [
        True, True, False, True, False,
    ]  # fmt: skip
    assert starts.read < 200


async def test_what_a_template_has_changed_is_told_as_the_strictest_policy_says():
    messages = (Message("user", f"Question: {QUESTION.upper()}"),)
    model = private(send="all", fields={"passages": "masks"})
    await said(model, prompt(messages=messages))
    assert "IS <EMAIL_ADDRESS> PAID" in told(model)


async def test_nothing_sends_the_request_to_a_model_of_ones_own():
    others, own = private(send="nothing"), ScriptedModel(echo)
    router = Router({"others": others, "own": own})
    assert MAIL in (await router.generate(prompt(), context=Context())).text
    assert "jane" not in told(others)
    assert len(own.prompts) == 1
    plain = await router.generate(prompt("How many boats are there?"), context=Context())
    assert "boats" in plain.text
    assert len(own.prompts) == 1
    with pytest.raises(NotAllowed, match="the request holds"):
        await said(others, prompt())


async def test_a_model_of_ones_own_sees_everything_unless_the_terms_say_otherwise():
    model = private(own=True)
    assert MAIL in await said(model, prompt())
    assert MAIL in told(model)
    strict = private(own=True, local="masks")
    assert MAIL not in await said(strict, prompt())


@pytest.mark.parametrize("local", ["pseudonyms", "nothing"])
async def test_a_model_of_ones_own_that_only_quotes_has_its_passages_whatever_the_terms(local: Any):
    text = f"The lead of the halibut project is {MAIL}."
    chunk = Chunk(id="1", document_id="d", uri="a.md", title="a", text=text, start=0, end=len(text), line=1)
    question = "Who is the lead of the halibut project?"
    slots = (
        Slot(name="passages", trust="retrieved", text=text, hits=(Hit(chunk, 1, {}),)),
        Slot(name="question", trust="user", text=question),
    )
    terms = PersonalSpec(local=local)
    model = PersonalModel(ExtractiveModel(HashingEmbedder()), PersonalCheck(types="all"), terms)
    assert MAIL in await said(model, prompt(question, slots=slots, abstain="No."))


class Flagging(Check):
    """Finds one text wherever it stands as it is."""

    stages = ("input",)

    def __init__(self, value: str, label: str) -> None:
        self.value, self.label = value, label

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        found = [one.start() for one in re.finditer(re.escape(self.value), subject.text)]
        flaws = tuple(Flaw(at, at + len(self.value), "", label=self.label) for at in found)
        return Finding(passed=not flaws, reason=self.label, flaws=flaws)


class Failing(Check):
    stages = ("input",)

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        raise CheckFailed("the server is down", where="x", verdicts=())


class Vague(Check):
    stages = ("input",)

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        return Finding(passed=False, reason="something")


@pytest.mark.parametrize("check", [Failing(), Vague()], ids=lambda one: type(one).__name__)
async def test_where_nobody_could_look_nothing_is_sent(check: Check):
    model = private(check=check)
    with pytest.raises(NotAllowed):
        await said(model, prompt())
    assert "jane" not in told(model)


def test_other_terms_make_other_answers():
    one, other = private(), private(send="masks")
    assert (one.fingerprint, other.fingerprint) == ("", "")
    for model in (one, other):
        model.model.fingerprint = "f"
    assert one.fingerprint != other.fingerprint


async def test_slots_carry_nothing_past_it():
    model = private()
    await said(model, prompt())
    assert isinstance(model.model, ScriptedModel)
    assert [slot.text for slot in model.model.prompts[0].slots] == [""]


async def test_the_trace_counts_types_and_holds_no_value():
    context = Context()
    await private().generate(prompt(), context=context)
    facts = repr([step.facts for step in context.trace.steps])
    assert "EMAIL_ADDRESS" in facts
    assert MAIL not in facts


VALUES = st.sampled_from([MAIL, CARD, PHONE, "86.231.85.193", "GB82WEST12345698765432", "078-05-1120"])


@given(st.lists(st.one_of(VALUES, st.text(alphabet="abc .,¤\n<>é", max_size=8)), max_size=8).map(" ".join))
async def test_an_echo_says_what_was_asked(text: str):
    model = private()
    assert await said(model, prompt(text)) == f"Question: {text}"
    shown = "\n".join(message.content for asked in model.model.prompts for message in asked.messages)  # pyright: ignore[reportAttributeAccessIssue]
    assert not any(value in shown for value in (MAIL, CARD, PHONE, "86.231.85.193", "078-05-1120"))


# ── Which values are the same ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("The web host is 10.1.11.2, the database 10.11.1.2.", "<IP_ADDRESS_1>, the database <IP_ADDRESS_2>."),
        ("The hosts are fe80::1:12 and fe80::11:2.", "<IP_ADDRESS_1> and <IP_ADDRESS_2>."),
        ("Filed on 1/11/2026, heard on 11/1/2026.", "<DATE_TIME_1>, heard on <DATE_TIME_2>."),
        ("Call +1 415 555 0100 or +1 (415) 555-0100.", "<PHONE_NUMBER_1> or <PHONE_NUMBER_1>."),
    ],
)
async def test_values_that_differ_in_the_places_of_their_marks_have_names_of_their_own(text: str, sent: str):
    model = private()
    back = await said(model, prompt(text))
    assert sent in told(model)
    if "_2>" in sent:
        assert back == f"Question: {text}"


async def test_a_value_that_resembles_one_of_the_author_is_told_by_its_name():
    words = "Never name 10.1.11.2."
    messages = (Message("system", words), Message("user", "The hosts are 10.11.1.2 and 10.1.11.2."))
    model = private()
    back = await said(model, prompt(messages=messages, authored=words))
    assert words in told(model)
    assert "The hosts are <IP_ADDRESS_1> and 10.1.11.2." in told(model)
    assert back == "The hosts are 10.11.1.2 and 10.1.11.2."


@pytest.mark.parametrize(
    ("elsewhere", "sent"),
    [
        ("Seen: F16-2823 540116.", "Seen: <US_DRIVER_LICENSE_1>."),
        ("Seen: Ｆ162823540116.", "Seen: <US_DRIVER_LICENSE_1>."),
        ("Seen (F162823540116).", "Seen (<US_DRIVER_LICENSE_1>)."),
        ("Seen: (F16)2823540116.", "Seen: <US_DRIVER_LICENSE_1>."),
        ("Seen: F162823(540116).", "Seen: <US_DRIVER_LICENSE_1>."),
    ],
)
async def test_a_number_is_found_elsewhere_in_any_groups_and_leaves_the_brackets_around_it(elsewhere: str, sent: str):
    question = "My driver's license number is F162823540116"
    model = private()
    await said(model, prompt(question, messages=(Message("user", f"{elsewhere}\n\nQuestion: {question}"),)))
    assert f"{sent}\n" in told(model)


async def test_what_is_almost_a_known_value_is_hidden_and_comes_back_as_it_was_written():
    question = "I live at 12 harbour road, Bergen."
    text = f"Seen at 12 harbour road Bergen; (12) harbour road, Bergen.\n\nQuestion: {question}"
    model = private(check=Flagging("12 harbour road, Bergen", "STREET_ADDRESS"))
    assert await said(model, prompt(question, messages=(Message("user", text),))) == text
    assert "harbour" not in told(model)


RESEMBLING = st.sampled_from(
    ["10.1.11.2", "10.11.1.2", "101.1.1.2", "fe80::1:12", "fe80::11:2", "1/11/2026", "11/1/2026", "12 3rd Street",
     "1 23rd Street", "a.1@example.com", "a1@example.com", "https://example.com/a-1", "https://example.com/A-1"]
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["at", "or (", "x+", "<", ">,"]), RESEMBLING), max_size=8))
async def test_values_that_resemble_each_other_all_come_back(pieces: list[tuple[str, str]]):
    text = " ".join(f"{before} {value} ;" for before, value in pieces)
    model = private()
    assert await said(model, prompt(text)) == f"Question: {text}"
