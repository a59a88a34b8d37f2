"""What Guardrails does otherwise than one would wish, each time beside what we make of it.

`test_guardrails.py` runs this where Guardrails is installed. A test that fails here with a newer Guardrails says that a
limit is gone.
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any, Optional

import local_validators as ours
import pytest
from guardrails import Guard
from pydantic import BaseModel, Field, field_validator

import no_network
from ragstone.connectors.guardrails import GuardrailsCheck, vendor
from ragstone.types import Context
from ragstone.validation.policy import Guard as Guarded
from ragstone.validation.policy import Policy
from ragstone.validation.screening import Screening
from ragstone.verdicts import Finding, Subject

no_network.refuse()
vendor.imported()  # its telemetry, which would try to reach a server all the time, has a test of its own

pytestmark = pytest.mark.filterwarnings("ignore")  # Guardrails' own

STREAM = ["First is fine. ", "Call 030 123", "4567 now. ", "Third is fine. ", "Fourth", "  is fine."]


async def found(check: GuardrailsCheck, text: str) -> Finding:
    return await check.check(Subject(text=text, stage="output"), context=Context())


def theirs(on_fail: str) -> list[tuple[str, bool]]:
    """What a Guard makes of a stream."""

    def model(*given: Any, **keys: Any):
        yield from STREAM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = Guard().use(ours.NoPhone(on_fail=on_fail))(
            model, messages=[{"role": "user", "content": "x"}], stream=True
        )
        return [(one.validated_output, one.validation_passed) for one in stream]


async def test_a_stream_keeps_its_spaces_and_a_fix_fails_nothing_but_its_sentence():
    said = theirs("fix")
    assert "".join(text for text, _ in said) == "First is fine.Call [phone] now.Third is fine.Fourth  is fine."
    assert [passed for _, passed in said] == [True, False, False, False]

    check = GuardrailsCheck(validators=[ours.NoPhone()], whole=False)
    guard = Guarded(name="phones", check=check, policy=Policy(on_fail="fix"))
    screening = Screening([guard], Subject(text="", stage="output"), context=Context())
    mine = [await screening.feed(piece) for piece in STREAM]
    ended = await screening.finish()
    told = "".join(mine) + ended.rest
    assert told == "First is fine. Call [phone] now. Third is fine. Fourth  is fine."
    (verdict,) = ended.verdicts
    assert told[verdict.flaws[0].start : verdict.flaws[0].end] == "[phone]"
    assert len(verdict.flaws) == 1


async def test_a_stream_that_only_flags_sees_what_two_chunks_hold_together():
    assert [passed for _, passed in theirs("noop")][-2:] == [False, False], "after one failure all are failures"
    check = GuardrailsCheck(validators=[ours.NoPhone()], whole=False)
    assert not (await found(check, "".join(STREAM))).passed


async def test_a_later_use_takes_nothing_away():
    guard = Guard().use(ours.Pattern("one", on_fail="noop")).use(ours.Pattern("two", on_fail="noop"))
    assert guard.validate("two").validation_passed, "the first is forgotten"
    assert (await found(GuardrailsCheck(validators=[ours.Pattern("one"), ours.Pattern("two")]), "two")).reason


def test_what_is_made_of_a_text_that_passes_is_not_lost():
    assert Guard().use(ours.Lower()).validate("It Is Late.").validated_output == "It Is Late.", "where no loop runs"
    finding = asyncio.run(found(GuardrailsCheck(validators=[ours.Lower()]), "It Is Late."))
    assert (finding.passed, finding.fixed) == (True, "it is late.")


async def test_a_name_that_nobody_registered_is_not_passed_over():
    known = {"id": "x", "name": "n", "output_schema": {"type": "string"}}
    guard = Guard.from_dict({**known, "validators": [{"id": "no/such", "on": "$"}]})
    assert guard.validate("anything").validation_passed
    with pytest.raises(Exception, match="no validator 'no/such' is registered"):
        GuardrailsCheck(validators=["no/such"])


class Room(BaseModel):
    name: str = Field(validators=[ours.NoPhone(on_fail="noop")])  # type: ignore[call-arg]


class House(BaseModel):
    rooms: list[Room] = []
    best: Room | None = None
    by: dict[str, Room] = {}
    pair: tuple[Room, ...] = ()
    other: Optional[Room] = None  # noqa: UP045 - Guardrails reads this, and not the other way to write it
    beds: int = Field(default=2, ge=1)

    @field_validator("beds")
    @classmethod
    def _even(cls, beds: int) -> int:
        if beds % 2:
            raise ValueError("beds come in twos")
        return beds


def house() -> Guard:
    return Guard.for_pydantic(House)


@pytest.mark.parametrize(
    ("text", "passed_there", "reason"),
    [
        ('{"rooms": [{"name": "red"}, {"name": "blue"}], "beds": 4}', True, ""),
        ('Here: ```json\n{"beds": "2"}\n```', True, ""),
        ('{"rooms": [{"name": "red"}, {"name": "030 1234567"}]}', False, "$.rooms.1.name: it holds a telephone number"),
        ('{"other": {"name": "030 1234567"}}', False, "$.other.name: it holds a telephone number"),
        ('{"pair": [{"name": "030 1234567"}]}', True, "$.pair.0.name: it holds a telephone number"),
        ('{"best": {"name": "030 1234567"}}', True, "$.best.name: it holds a telephone number"),
        ('{"by": {"sea": {"name": "030 1234567"}}}', True, "$.by.sea.name: it holds a telephone number"),
        ('{"beds": 3}', True, "$.beds: Value error, beds come in twos"),
        ('{"beds": 0}', False, "$.beds: 0 is less than the minimum of 1"),
        ('{"rooms": [{"nam": "red"}]}', False, "'name' is a required property"),
        ("There are two.", False, "it is no JSON of the wanted form"),
        ("", False, "it is no JSON of the wanted form"),
        ("3", False, "it is no JSON of the wanted form"),
        ('{"beds": 4', False, "it is no JSON of the wanted form"),
    ],
)
async def test_every_part_of_a_form_is_checked(text: str, passed_there: bool, reason: str):
    try:
        outcome = house().parse(text, num_reasks=0).validation_passed
    except Exception:
        outcome = False
    assert outcome is passed_there
    finding = await found(GuardrailsCheck(guard=house()), text)
    assert finding.passed is not bool(reason)
    assert reason in finding.reason
    assert finding.flaws == ()


async def test_a_list_is_a_form_too_and_a_part_of_a_name_is_not_the_whole_name():
    check = GuardrailsCheck(guard=Guard.for_pydantic(list[Room]))
    assert (await found(check, '[{"name": "red"}]')).passed
    assert "$.0.name" in (await found(check, '[{"name": "030 1234567"}]')).reason


def test_a_form_needs_a_whole_answer():
    with pytest.raises(Exception, match="expected whole: true"):
        GuardrailsCheck(guard=house(), whole=False)


async def test_no_trace_holds_the_parameters_of_a_validator():
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    validator = ours.Pattern("a secret word", on_fail="noop")
    Guard().use(validator).validate("text")
    assert any("a secret word" in str(span.attributes) for span in kept.get_finished_spans())
    kept.clear()
    assert not (await found(GuardrailsCheck(validators=[validator]), "text")).passed
    assert not kept.get_finished_spans()
