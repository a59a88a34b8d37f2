"""Built-in checks in a pipeline: what is asked for again, and what a judge lets pass."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from ragstone.config import Located, template
from ragstone.errors import CheckFailed, ConfigError, ModelUnavailable
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.pipelines.checks import guards_of
from ragstone.pipelines.finishing import answered
from ragstone.pipelines.guards import Guards
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.saying import Saying
from ragstone.pipelines.spec import CheckSpec
from ragstone.prompts.file import load
from ragstone.prompts.layers.solving import Outcome
from ragstone.testing import ScriptedModel
from ragstone.types import Completion, Context, Message, Prompt
from shouting import SAID, asked, guard

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
OUTPUT = Output(name="o", schema={**SCHEMA, "additionalProperties": False}, strict=SCHEMA, words="")
FREE = Prompt(name="p", version="v", messages=(Message("user", "When?"),))
FORMED = Prompt(name="p", version="v", messages=(Message("user", "When?"),), output=OUTPUT)
QUESTION = "When does it open?"


class Parts:
    """What builds checks of a file, without a project."""

    files: dict[str, Located] = {}  # noqa: RUF012

    def make(self, kind: str, located: Located, *, name: str, **given: Any):
        from ragstone.config import bind
        from ragstone.registry import find

        keys = {key: value for key, value in located.value.items() if key != "type"}
        factory = find(kind, located.value["type"])
        bound = Located(keys, located.path, located.places)
        return factory(**bind(factory, bound, folder=Path(), connector=lambda *_: None, given=given))  # type: ignore[arg-type, return-value]

    def connector(self, kind: str, name: str, **_: Any):
        raise AssertionError(name)


def guards(name: str, *replies: Any, **keys: Any) -> Guards:
    prompts = template() / "prompts"
    router = Router({"m": ScriptedModel(list(replies))})
    runner = PromptRunner(router, lambda name: load(prompts / f"{name}.prompty"), models=())
    spec = Located({}, Path("answer.yaml"), {})
    found = guards_of([CheckSpec(name=name, keys=keys)], spec, Parts(), given={"runner": runner})
    return replace(found, all=tuple(guard for guard in found.all if guard.name == name))


async def said(found: Guards, text: str, prompt: Prompt = FREE, *, last: bool = True):
    context = Context()
    saying = Saying(found, prompt, question=QUESTION, reasks=inf if last else 0, context=context)
    first = await saying.feed(text)
    outcome = Outcome(prompt=prompt, completion=Completion(text=text, model="m"))
    told, rest, faults = await saying.finish(outcome)
    answer = answered(prompt, (), outcome.completion, told, cites=False, context=context)
    return answer, first + rest.text, faults, told


async def test_an_object_that_misfits_is_asked_for_again_with_what_is_wrong() -> None:
    found = guards("output", on_fail="reask", reasks=2, otherwise="raise")
    assert found.reasks == 2
    _, _, faults, _ = await said(found, '{"answer": 1}', FORMED, last=False)
    assert faults == ("output: answer: 1 is not of type 'string'",)
    with pytest.raises(CheckFailed, match="the check 'output' failed: it does not have its form"):
        await said(found, '{"answer": 1}', FORMED)
    answer, _, faults, _ = await said(found, '{"answer": "six"}', FORMED, last=False)
    assert (faults, answer.parsed) == ((), {"answer": "six"})
    assert [(one.check, one.passed) for one in answer.verdicts] == [("output", True)]


async def test_what_was_mended_is_told_with_the_verdict() -> None:
    for found in (guards("output"), Guards(citations=False)):
        answer, *_ = await said(found, "```\n{'answer': 'at six", FORMED)
        assert answer.parsed == {"answer": "at six"}
        (verdict,) = answer.verdicts
        assert (verdict.check, verdict.passed) == ("output", True)
        assert verdict.reason == (
            "a code fence was taken off; repaired: single quotes, a cut-off end (its last text was closed)"
        )


@pytest.mark.parametrize("policy", ["refrain", "filter"])
async def test_an_object_that_misfits_is_withheld(policy: str) -> None:
    _, _, _, told = await said(guards("output", on_fail=policy), "It opens at six.", FORMED)
    assert told.refrained
    assert not told.verdicts[0].passed


async def test_free_text_has_no_form_to_misfit() -> None:
    answer, text, _, _ = await said(guards("output", on_fail="raise"), "It opens at six.")
    assert (text, answer.verdicts) == ("It opens at six.", ())


async def test_a_judge_lets_a_good_answer_pass_and_stops_a_bad_one() -> None:
    answer, text, *_ = await said(guards("judge", "Nothing is wrong.\nGrade: 5", on_fail="refrain"), "At six.")
    assert text == "At six."
    assert answer.verdicts[0].reason == "grade 5: Nothing is wrong."
    found = guards("judge", "It is about something else.\nGrade: 2", on_fail="refrain", rubric="It names the hour.")
    _, _, _, told = await said(found, "Fish.")
    assert told.refrained
    assert (told.verdicts[0].reason, told.verdicts[0].score) == ("grade 2", 0.75)


@pytest.mark.parametrize("reply", [ModelUnavailable("down"), "It is good."], ids=["fails", "gives no grade"])
async def test_a_judge_who_does_not_judge_is_open_or_closed(reply: Any) -> None:
    for on_error, passes in (("open", True), ("closed", False)):
        _, _, _, told = await said(guards("judge", reply, on_error=on_error), "At six.")
        assert told.verdicts[0].passed is passes


async def test_who_withholds_an_answer_for_want_of_a_grade_says_so() -> None:
    _, _, _, told = await said(guards("judge", "It is good.", on_fail="refrain"), "At six.")
    assert told.refrained
    assert told.verdicts[0].reason == "could not be checked: the prompt 'review' gave no grade from 1 to 5"


def test_a_judge_is_asked_last_and_a_grade_that_is_no_bar_is_refused() -> None:
    assert guards("judge").all[0].check.cost == "model"
    with pytest.raises(ConfigError, match="at_least is out of range: expected 2 to 5, found 6"):
        guards("judge", at_least=6)
    with pytest.raises(ConfigError, match="unknown key 'runner'"):
        guards("judge", runner="m")


async def test_what_a_judge_takes_is_counted_with_the_answer_and_foretold() -> None:
    found = guards("judge", "It is wrong.\nGrade: 1", "Nothing is wrong.\nGrade: 5", on_fail="reask", reasks=2)
    answer = await asked(ScriptedModel(["It ships on 4 May 2031 [1].", SAID]), found.all[0])
    assert answer.completion.calls == 4
    alone = await asked(ScriptedModel(["It ships on 4 May 2031 [1].", SAID]), guard(on_fail="reask"))
    assert answer.completion.usage.input_tokens > alone.completion.usage.input_tokens
    plan = found.plan(answer.prompt)
    assert [(call.does, call.usual, call.most) for call in plan] == [("correct", 0, 2), ("review", 1, 3)]
    assert plan[1].more > answer.prompt.slot("retrieved").tokens
    (before, *_) = guards("judge").plan(FREE)
    assert (before.does, before.usual, before.most) == ("review", 1, 1)
