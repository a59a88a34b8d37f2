"""The guardrails connector with the real package. `test_guardrails.py` runs this where that is installed."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import local_validators as ours
import pytest
from guardrails import AsyncGuard, Guard
from guardrails.validator_base import ErrorSpan, FailResult, PassResult
from guardrails_ai.types import ValidationResult

import no_network
from ragstone.connectors.guardrails import GuardrailsCheck
from ragstone.connectors.guardrails.aside import MOST
from ragstone.errors import ConfigError, MissingExtra, RagstoneError
from ragstone.testing.suites import CheckSuite
from ragstone.types import Context
from ragstone.validation.policy import Guard as Guarded
from ragstone.validation.policy import Policy
from ragstone.validation.screening import Screening
from ragstone.verdicts import Finding, Flaw, Stage, Subject

no_network.refuse()

CALL = "Call +49 30 1234567 now."


async def found(check: GuardrailsCheck, text: str, stage: Stage = "output") -> Finding:
    return await check.check(Subject(text=text, stage=stage), context=Context())


async def screened(check: GuardrailsCheck, text: str, step: int = 7, **policy: Any):
    guard = Guarded(name="theirs", check=check, policy=Policy(**policy))
    screening = Screening([guard], Subject(text="", stage="output"), context=Context())
    said = [await screening.feed(text[at : at + step]) for at in range(0, len(text), step)]
    return await screening.finish(), "".join(said)


class TestPattern(CheckSuite):
    passes, fails = "There are 12 rooms.", "There are no rooms."
    vendors = ("guardrails", "guardrails_ai", "local_validators")

    def make(self, tmp_path: Path) -> GuardrailsCheck:
        return GuardrailsCheck(validators=[{"ours/pattern": {"regex": r"\d+"}}])


class TestShort(CheckSuite):
    passes, fails, repairs = "It is late.", "It is late, and it was late before.", True

    def make(self, tmp_path: Path) -> GuardrailsCheck:
        return GuardrailsCheck(validators=[{"local_validators.Short": {"most": 20}}], whole=False)


class TestNoPhone(CheckSuite):
    passes, fails, repairs = "It is late.", CALL, True
    vendors = ("guardrails", "guardrails_ai", "local_validators")

    def make(self, tmp_path: Path) -> GuardrailsCheck:
        return GuardrailsCheck(validators=["local_validators.NoPhone"], cost="rules")


class TestGuard(CheckSuite):
    passes, fails, repairs = "It is late.", CALL, True

    def make(self, tmp_path: Path) -> GuardrailsCheck:
        return GuardrailsCheck(guard="local_validators.guard")


# ── Results ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_failure_says_why_where_and_how_it_would_pass():
    finding = await found(GuardrailsCheck(validators=[ours.NoPhone()]), CALL)
    assert finding.reason == "it holds a telephone number"
    assert finding.flaws == (Flaw(5, 19, "a telephone number", "ours/no_phone"),)
    assert finding.fixed == "Call [phone] now."


async def test_all_are_asked_in_order_two_of_one_name_too():
    check = GuardrailsCheck(validators=[ours.Pattern("red"), ours.Pattern("blue"), ours.NoPhone(), ours.Short(most=12)])
    finding = await found(check, CALL + " It is red.")
    assert finding.reason.split("; ") == [
        "nothing in it is blue",
        "it holds a telephone number",
        "it has more than 12 characters",
    ]
    assert finding.fixed is None, "what the first would have, nobody knows"
    both = await found(GuardrailsCheck(validators=[ours.NoPhone(), ours.Short(most=12)]), CALL)
    assert both.fixed == "Call [phone]"


async def test_their_own_on_fail_does_nothing():
    for deed in ("exception", "fix", "filter", "refrain", "reask", "noop", lambda value, result: "other"):
        finding = await found(GuardrailsCheck(validators=[ours.NoPhone(on_fail=deed)]), CALL)
        assert (finding.passed, finding.fixed) == (False, "Call [phone] now.")


async def test_what_a_validator_makes_of_a_text_that_passes_is_its_fixed_text():
    check = GuardrailsCheck(validators=[ours.Lower()])
    finding = await found(check, "It Is Late.")
    assert (finding.passed, finding.fixed) == (True, "it is late.")
    assert (await found(check, "it is late.")).fixed is None
    changed, _ = await screened(check, "It Is Late. It Is.", on_fail="fix")
    assert (changed.text, changed.verdicts[0].action) == ("it is late. it is.", "fixed")
    left, _ = await screened(check, "It Is Late. It Is.", on_fail="flag")
    assert (left.text, left.verdicts[0].passed) == ("It Is Late. It Is.", True)


async def test_one_that_can_only_be_awaited_and_one_that_is_a_function_are_asked_too():
    for validator in (ours.Awaited(), "ours/plain", "local_validators.plain"):
        check = GuardrailsCheck(validators=[validator])
        assert (await found(check, "a bad one")).reason == "it is bad"
        assert (await found(check, "a good one")).passed


def spans(*places: Any):
    made = [ErrorSpan.model_construct(start=start, end=end, reason="here") for start, end in places]
    return lambda value: FailResult.model_construct(error_message="no", error_spans=made, fix_value=3)


async def test_ranges_that_are_none_of_the_text_are_left_out():
    places = [(0, 2), (2, 2), (3, 1), (-1, 2), (0, 10**9), (None, None), ("0", "1"), (1.0, 2.0), (3, 4)]
    finding = await found(GuardrailsCheck(validators=[ours.Odd(spans(*places))]), "text")
    assert [(one.start, one.end) for one in finding.flaws] == [(0, 2), (3, 4)]
    assert finding.fixed is None, "a number is no text"


NONSENSE = [None, True, "fail", {"outcome": "fail"}, 3, ValidationResult(outcome="fail")]


@pytest.mark.parametrize("deed", NONSENSE, ids=lambda one: type(one).__name__)
async def test_nonsense_is_no_verdict(deed: Any):
    check = GuardrailsCheck(validators=[ours.Odd(deed)])
    with pytest.raises(TypeError, match="'ours/odd' gave"):
        await found(check, "text")
    closed, _ = await screened(check, "A text.", on_fail="refrain")
    assert closed.refrained
    opened, _ = await screened(check, "A text.", on_fail="refrain", on_error="open")
    assert opened.verdicts[0].reason.startswith("not checked: ")


async def test_one_that_raises_is_named_and_tells_no_key():
    key = "sk-0123456789abcdef"
    check = GuardrailsCheck(validators=[{"ours/keyed": {"api_key": key}}])
    with pytest.raises(RagstoneError, match="'ours/keyed' failed: ConnectionError: https") as raised:
        await found(check, "text")
    assert key not in str(raised.value)
    with pytest.raises(RuntimeError, match="it tried to end the program: SystemExit"):
        await found(GuardrailsCheck(validators=[ours.Odd(SystemExit(3))]), "text")


async def test_one_that_hangs_holds_up_nobody_but_the_text_that_it_was_asked_of():
    slow, quick = GuardrailsCheck(validators=[ours.Odd(0.5)]), GuardrailsCheck(validators=["ours/plain"])
    held, _ = await screened(slow, "A text.", timeout=0.02, on_fail="refrain")
    assert held.verdicts[0].reason == "could not be checked: it took longer than 0.02 s"
    assert (await found(quick, "text")).passed
    await asyncio.gather(*(screened(slow, "A text.", timeout=0.02) for _ in range(MOST)))
    assert (await found(slow, "text")).passed, "those that hang take no place from others"


async def test_no_metadata_goes_from_one_call_to_another():
    one = ours.Noting().with_metadata({"sources": ["a"], "seen": []})
    check = GuardrailsCheck(validators=[one, ours.Noting()])
    for text in ("first", "second"):
        assert (await found(check, text)).passed
    assert one._metadata == {"sources": ["a"], "seen": []}
    with pytest.raises(ConfigError, match="needs metadata with each text, and a check has none: found sources"):
        GuardrailsCheck(validators=["ours/needing"])
    told = GuardrailsCheck(validators=[ours.Needing().with_metadata({"sources": ["this"]})])
    assert (await found(told, "this")).passed
    assert not (await found(told, "that")).passed


# ── What is no validator ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "expected either `validators` or `guard`, found neither"),
        ({"validators": ["ours/plain"], "guard": "local_validators.guard"}, "found both"),
        ({"validators": ["ours/patern"]}, "no validator 'ours/patern' is registered"),
        ({"validators": ["nowhere.at.All"]}, "nowhere.at cannot be imported: there is no 'nowhere'"),
        ({"validators": ["local_validators.Nobody"]}, "local_validators holds no Nobody"),
        ({"validators": ["local_validators.NOT_A_VALIDATOR"]}, "is no validator"),
        ({"validators": [3]}, "is no validator: expected NAME, or NAME: {parameters}, found int"),
        ({"validators": [{"ours/plain": {}, "ours/short": {}}]}, "is no validator"),
        ({"validators": [{"ours/short": 3}]}, "the parameters of 'ours/short' are no mapping"),
        ({"validators": [{"ours/short": {"least": 3}}]}, "'ours/short' cannot be made of its parameters: TypeError"),
        ({"validators": [{"ours/short": {"most": 3, "on_fail": "fix"}}]}, "'ours/short' may not have 'on_fail'"),
        ({"validators": ["ours/keyed"]}, "cannot be made of its parameters: ValueError: An API key is required."),
        ({"guard": 3}, "is no Guard: found int"),
        ({"guard": "local_validators"}, "is no dotted path"),
        ({"guard": Guard()}, "the Guard asks nothing"),
        ({"guard": lambda: 1 // 0}, "failed: ZeroDivisionError"),
    ],
)
def test_what_is_no_validator_is_said_when_it_is_made(keys: Any, said: str):
    with pytest.raises(ConfigError) as raised:
        GuardrailsCheck(**keys)
    assert said in str(raised.value)


def test_a_package_that_is_missing_is_an_extra():
    with pytest.raises(MissingExtra):
        GuardrailsCheck(validators=["nowhere.at.All"])


# ── Guards ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [Guard, AsyncGuard])
async def test_a_guard_is_asked_where_it_has_validators(kind: Any):
    guard = kind().use(ours.NoPhone(on_fail="exception")).use(ours.Short(most=10), on="messages")
    check = GuardrailsCheck(guard=guard)
    assert check.stages == ("output", "input")
    assert (await found(check, CALL)).reason == "it holds a telephone number"
    assert (await found(check, CALL, "input")).reason == "it has more than 10 characters"
    assert len(guard.history) == 0
    only = GuardrailsCheck(guard=kind().use(ours.Short(most=10), on="messages"))
    assert only.stages == ("input",)


def test_a_guard_that_would_ignore_a_validator_is_refused():
    with pytest.raises(ConfigError, match=r"validators on '\$.nowhere', which is no part of an answer"):
        GuardrailsCheck(guard=Guard().use(ours.NoPhone(), on="$.nowhere"))
    known = {"id": "x", "name": "n", "output_schema": {"type": "string"}}
    unknown = Guard.from_dict({**known, "validators": [{"id": "no/such", "on": "$"}]})
    with pytest.raises(ConfigError, match="names a validator 'no/such' that it has not"):
        GuardrailsCheck(guard=unknown)


def test_a_guard_that_sends_its_texts_away_is_refused():
    with pytest.raises(ConfigError, match="sends its texts to a server"):
        GuardrailsCheck(guard=Guard(use_server=True).use(ours.NoPhone()))


async def test_collected_threads_leave_no_loop_open():
    check = GuardrailsCheck(validators=[ours.Awaited()])
    assert (await found(check, "text")).passed
    await check.close()
    gc.collect()


async def test_pass_results_of_either_module_pass():
    from guardrails.classes.validation.validation_result import PassResult as Older

    for passed in (PassResult(), Older()):
        assert (await found(GuardrailsCheck(validators=[ours.Odd(passed)]), "text")).passed
