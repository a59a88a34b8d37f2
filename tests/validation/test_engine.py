import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from ragstone.errors import CheckFailed, ModelUnavailable, NotConfigured, UsageError
from ragstone.protocols import Check
from ragstone.testing import ScriptedCheck
from ragstone.types import Context
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard, Policy, at
from ragstone.validation.screening import Screening
from ragstone.verdicts import PASSED, Finding, Flaw, Subject


class Bad(Check):
    """Finds a word, in each segment."""

    stages = ("output", "passage", "input")
    whole, fixes = False, True

    def __init__(self, word: str = "bad", whole: bool = False) -> None:
        self.word, self.whole = word, whole

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        places = [at for at in range(len(subject.text)) if subject.text.startswith(self.word, at)]
        if not places:
            return PASSED
        flaws = tuple(Flaw(at, at + len(self.word), "a bad word") for at in places)
        return Finding(passed=False, reason="a bad word", flaws=flaws, fixed=subject.text.replace(self.word, "good"))


class Odd(Check):
    """Does what no check should."""

    stages = ("output", "input", "passage")

    def __init__(self, deed: Any) -> None:
        self.deed = deed

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        if self.deed == "hang":
            await asyncio.Event().wait()
        if self.deed == "block":
            time.sleep(0.06)  # noqa: ASYNC251 - longer than its policy lets it
            return PASSED
        if isinstance(self.deed, Exception):
            raise self.deed
        return self.deed


TEXT = "One is fine. Two is bad. Three is fine."


async def screened(*guards: Guard, text: str = TEXT, step: int = 5, **facts: Any):
    screening = Screening(guards, Subject(text="", stage="output", **facts), context=Context())
    said = [await screening.feed(text[place : place + step]) for place in range(0, len(text), step)]
    found = await screening.finish()
    assert "".join(said) + found.rest == found.text or found.refrained
    return found, "".join(said)


def guard(check: Check, name: str = "bad", **policy: Any) -> Guard:
    return Guard(name=name, check=check, policy=Policy(**policy))


async def test_a_flag_changes_nothing_and_says_where():
    found, _ = await screened(guard(Bad()))
    assert found.text == TEXT
    (verdict,) = found.verdicts
    assert (verdict.check, verdict.passed, verdict.reason, verdict.action) == ("bad", False, "a bad word", "flagged")
    assert [TEXT[one.start : one.end] for one in verdict.flaws] == ["bad"]
    assert verdict.milliseconds > 0


@pytest.mark.parametrize("whole", [False, True])
async def test_what_is_wrong_is_fixed_or_taken_out(whole: bool):
    fixed, said = await screened(guard(Bad(whole=whole), on_fail="fix"))
    assert fixed.text == TEXT.replace("bad", "good")
    assert bool(said) is False  # it is shorter than what is held back, or waits for its end
    taken, _ = await screened(guard(Bad(whole=whole), on_fail="filter"))
    assert taken.text == TEXT.replace("bad", "")
    assert [one.action for one in taken.verdicts] == ["filtered"]


async def test_one_sentence_that_fails_does_not_poison_the_rest():
    long = "One is fine and goes on. " * 5 + "Two is bad. " + "Three is fine and goes on. " * 5
    found, said = await screened(guard(Bad(), on_fail="fix"), text=long)
    assert found.text == long.replace("bad", "good")
    assert said
    assert long.startswith(said[:40])


async def test_a_text_that_passes_is_changed_where_the_check_would_have_it_otherwise_and_may():
    check = ScriptedCheck(lambda text: Finding(passed=True, fixed=text.lower(), repaired="lower case"), fixes=True)
    fixed, _ = await screened(guard(check, on_fail="fix"))
    assert fixed.text == TEXT.lower()
    assert [(one.passed, one.action, one.reason) for one in fixed.verdicts] == [(True, "fixed", "lower case")]
    left, _ = await screened(guard(check, on_fail="filter"))
    assert left.text == TEXT
    assert left.verdicts[0].action == ""


async def test_a_refusal_says_nothing_at_all():
    found, said = await screened(guard(Bad(), on_fail="refrain"))
    assert found.refrained
    assert said == ""
    with pytest.raises(CheckFailed, match="the check 'bad' failed: a bad word") as raised:
        await screened(guard(Bad(), on_fail="raise"))
    assert [one.action for one in raised.value.verdicts] == ["raised"]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("policy", ["fix", "filter"])
async def test_flaws_point_into_the_text_as_its_reader_sees_it(whole: bool, policy: str):
    guards = (
        guard(Bad("Three"), "before"),
        guard(Bad(whole=whole), on_fail=policy),
        guard(Bad("fine", whole=True), "after"),
    )
    found, _ = await screened(*guards, text="One is bad. Two is bad. Three is fine, not bad.")
    said = [[found.text[one.start : one.end] for one in verdict.flaws] for verdict in found.verdicts]
    assert said == [["Three"], [{"fix": "good", "filter": ""}[policy]] * 3, ["fine"]]
    assert len({one.start for one in found.verdicts[1].flaws}) == 3


async def test_flaws_point_into_what_the_last_check_has_made_of_a_text():
    last = Bad("good")
    last.last = True
    guards = (guard(Bad("fine"), "flag"), guard(Bad(whole=True), on_fail="fix"), guard(last, "last", on_fail="filter"))
    found, _ = await screened(*guards)
    assert found.text == "One is fine. Two is . Three is fine."
    said = [[found.text[one.start : one.end] for one in verdict.flaws] for verdict in found.verdicts]
    assert said == [["fine", "fine"], [""], [""]]


async def test_an_empty_text_is_asked_about_like_any_other():
    least = ScriptedCheck(lambda text: bool(text) or "it is empty", whole=True)
    found, _ = await screened(guard(Bad(whole=True), "first"), guard(least, "least"), text="")
    assert [(one.check, one.passed) for one in found.verdicts] == [("first", True), ("least", False)]


@pytest.mark.parametrize("whole", [False, True])
async def test_who_is_not_asked_any_more_says_so(whole: bool):
    guards = guard(Bad(whole=whole), on_fail="filter"), guard(ScriptedCheck([], whole=True), "never", on_fail="raise")
    found, _ = await screened(*guards, text="bad")
    assert (found.text, found.refrained) == ("", False)
    assert [(one.check, one.passed, one.reason) for one in found.verdicts] == [
        ("bad", False, "a bad word"),
        ("never", True, "not asked"),
    ]


async def test_a_reason_that_repeats_a_text_is_told_only_where_all_of_the_text_is():
    def quoting(policy: str) -> Guard:
        found = Finding(passed=False, reason=f"it says {TEXT}", flaws=(Flaw(0, 1, TEXT, "one"),), told="it says so")
        return guard(ScriptedCheck(lambda text: found, whole=True), "quoting", on_fail=policy)

    flagged, _ = await screened(quoting("flag"))
    assert (flagged.verdicts[0].reason, flagged.verdicts[0].flaws[0].reason) == (f"it says {TEXT}", TEXT)
    asked, _ = await screened(quoting("reask"))
    assert asked.faults == (f"quoting: it says {TEXT}",)
    for guards in ([quoting("refrain")], [quoting("filter")], [quoting("flag"), guard(Bad(), on_fail="fix")]):
        found, _ = await screened(*guards)
        assert (found.verdicts[0].reason, found.verdicts[0].flaws[0].reason) == ("it says so", "one")
        assert TEXT not in repr(found.verdicts)
    with pytest.raises(CheckFailed) as raised:
        await screened(quoting("raise"))
    assert "it says so" in str(raised.value)
    assert TEXT not in str(raised.value) + repr(raised.value.verdicts)


async def test_what_a_model_must_mend_is_gathered():
    found, said = await screened(guard(Bad(), on_fail="reask"))
    assert found.faults == ("bad: a bad word",)
    assert (said, found.text) == ("", TEXT)


class Unsayable(Exception):
    """It has no words at all."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "deed",
    [
        *("hang", "block", ValueError("no"), Unsayable(), None, "nonsense"),
        Finding(passed=False, flaws=(Flaw(0, 10**6, "far"),)),
        Finding(passed=False, reason=5),  # type: ignore[arg-type]
        Finding(passed=False, repaired=7),  # type: ignore[arg-type]
        Finding(passed=False, score="high"),  # type: ignore[arg-type]
        Finding(passed=False, score=float("nan")),
        Finding(passed="no"),  # type: ignore[arg-type]
        Finding(passed=False, flaws=(Flaw(0.0, 3.0, "float"),)),  # type: ignore[arg-type]
        Finding(passed=False, flaws=(Flaw(0, 3, "none", None),)),  # type: ignore[arg-type]
        Finding(passed=False, flaws=("none",)),  # type: ignore[arg-type]
    ],
    ids=lambda deed: repr(deed)[:60],
)
async def test_a_check_that_fails_is_closed_or_open_as_its_policy_says(deed: Any):
    closed, _ = await screened(guard(Odd(deed), timeout=0.05))
    (verdict,) = closed.verdicts
    assert not verdict.passed
    assert verdict.reason.startswith("could not be checked: ")
    opened, _ = await screened(guard(Odd(deed), timeout=0.05, on_error="open"))
    (verdict,) = opened.verdicts
    assert verdict.passed
    assert verdict.reason.startswith("not checked: ")
    assert closed.text == opened.text == TEXT


class Begins(Bad):
    """Begins with an error, or with what is no check."""

    def __init__(self, begun: Any) -> None:
        super().__init__()
        self.begun = begun

    def begin(self, subject: Subject) -> Any:
        if isinstance(self.begun, Exception):
            raise self.begun
        return self.begun


@pytest.mark.parametrize("begun", [KeyError("no model"), None, "a text"])
async def test_a_check_that_cannot_begin_is_closed_or_open_as_its_policy_says(begun: Any):
    closed, _ = await screened(guard(Begins(begun), on_fail="filter"))
    assert closed.text == ""
    assert closed.verdicts[0].reason.startswith("could not be checked: ")
    opened, _ = await screened(guard(Begins(begun), on_fail="filter", on_error="open"))
    assert opened.text == TEXT
    assert opened.verdicts[0].passed
    assert opened.verdicts[0].reason.startswith("not checked: ")


async def test_the_message_of_a_foreign_error_is_told_to_nobody(caplog: pytest.LogCaptureFixture):
    def wrapped() -> Exception:
        try:
            raise ConnectionError("key=sk-51H8")
        except ConnectionError as error:
            try:
                raise ModelUnavailable(f"no answer: {error}") from error
            except ModelUnavailable as ours:
                return ours

    with caplog.at_level(logging.INFO):
        for error in (ConnectionError("key=sk-51H8"), wrapped()):
            found, _ = await screened(guard(Odd(error)))
            assert found.verdicts[0].reason == f"could not be checked: {type(error).__name__}"
    assert "sk-51H8" not in caplog.text
    with caplog.at_level(logging.DEBUG):
        await screened(guard(Odd(ConnectionError("key=sk-51H8"))))
    assert "sk-51H8" in caplog.text
    own, _ = await screened(guard(Odd(NotConfigured("no model is configured"))))
    assert own.verdicts[0].reason == "could not be checked: no model is configured"


async def test_who_gives_up_stops_a_check():
    task = asyncio.create_task(screened(guard(Odd("hang"))))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_that_says_there_is_none_passes():
    @dataclass
    class Prompted:
        slots: tuple = ()
        words: str = "No answer is bad."
        seen: list = field(default_factory=list)

        def abstains(self, text: str) -> bool:
            return text == self.words

    found, _ = await screened(guard(Bad(), on_fail="refrain"), text="No answer is bad.", prompt=Prompted())
    assert (found.text, found.refrained) == ("No answer is bad.", False)


@pytest.mark.parametrize(
    ("policy", "stages", "said"),
    [
        ({"on_fail": "drop"}, ("output",), "cannot `drop` at the stage output"),
        ({"on_fail": "reask"}, ("input",), "cannot `reask` at the stage input"),
        ({"on_fail": "fix"}, ("output",), "cannot fix what it finds"),
        ({}, ("elsewhere",), "cannot be asked there"),
    ],
)
def test_policies_that_make_no_sense_are_refused(policy, stages, said):
    with pytest.raises(UsageError, match=said):
        Guard(name="odd", check=Odd(None), policy=Policy(**policy), stages=stages)


def test_cheap_checks_are_asked_first():
    dear, cheap = Bad("x"), Bad("y")
    dear.cost = "model"
    guards = [guard(dear, "dear"), guard(cheap, "cheap")]
    assert [one.name for one in at("output", guards)] == ["cheap", "dear"]


SUBJECT = Subject(text="It opens at six.", stage="output")


class Deed(Check):
    """Does what it is given."""

    whole = False

    def __init__(self, deed: Any) -> None:
        self.deed, self.calls = deed, 0

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        self.calls += 1
        await self.deed()
        return PASSED


def raising(error: BaseException) -> Any:
    async def deed() -> None:
        raise error

    return deed


@pytest.mark.parametrize(
    "error",
    [SystemExit(2), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), BaseException("odd")],
    ids=repr,
)
@pytest.mark.parametrize("on_error", ["open", "closed"])
async def test_no_check_ends_the_program_or_a_request(error: BaseException, on_error: Any) -> None:
    guard = Guard(name="g", check=Deed(raising(error)), policy=Policy(on_error=on_error))
    inspection = Inspection([guard], SUBJECT, context=Context())
    assert await inspection.take(SUBJECT) == SUBJECT.text
    (verdict,) = inspection.verdicts
    assert verdict.passed is (on_error == "open")
    assert "checked" in verdict.reason


async def test_a_request_that_is_cancelled_takes_its_check_with_it() -> None:
    ended: list[bool] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    guard = Guard(name="g", check=Deed(hang))
    asking = asyncio.ensure_future(Inspection([guard], SUBJECT, context=Context()).take(SUBJECT))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.sleep(0)
    assert ended == [True]


async def test_one_that_does_not_stop_is_left_behind_and_asked_no_more() -> None:
    freed = asyncio.Event()

    async def stubborn() -> None:
        while not freed.is_set():
            with suppress(asyncio.CancelledError):
                await freed.wait()

    check = Deed(stubborn)
    guard = Guard(name="g", check=check, policy=Policy(timeout=0.05))
    inspection = Inspection([guard], SUBJECT, context=Context())
    for _ in range(3):
        assert await inspection.take(SUBJECT) == SUBJECT.text
    freed.set()
    assert check.calls == 1
    assert inspection.verdicts[0].reason == "could not be checked: it took longer than 0.05 s"


async def test_a_reason_stays_on_its_line_and_commands_no_terminal() -> None:
    check = ScriptedCheck([Finding(passed=False, reason="a\nb \x1b[31mred\u202e" + "x" * 1_000)])
    inspection = Inspection([Guard(name="g", check=check)], SUBJECT, context=Context())
    await inspection.take(SUBJECT)
    reason = inspection.verdicts[0].reason
    assert reason.startswith("a b [31mred x")
    assert reason.isprintable()
    assert len(reason) == 301
