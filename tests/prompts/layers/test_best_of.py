"""The best of several samples: which one is given, by what, and how often it is right."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from layer_files import PASSAGES, hit, layered_file, shipped, solved
from ragstone.errors import ModelUnavailable, PromptError
from ragstone.protocols import Capabilities
from ragstone.samples import CUT_OFF
from ragstone.testing import ScriptedModel
from ragstone.text.grades import grade_in
from ragstone.types import Completion, Context, Prompt

FIELDS = "[{name: total, kind: integer}]"
RIGHT = "[{name: answer, kind: string, enumValues: [right]}]"
WARM = "{temperature: 0.7}"
ABSTAINS = "The documents do not say."


class Likely(ScriptedModel):
    """Says with its lines how likely they are, where it is asked."""

    capabilities = Capabilities(local=True, logprobs=True)

    def __init__(self, odds: dict[str, float | None]) -> None:
        super().__init__(list(odds))
        self.odds = odds

    async def generate(self, prompt, *, context):
        said = await super().generate(prompt, context=context)
        return replace(said, logprob=self.odds[said.text] if prompt.logprobs else None)


def judged(answers: list[str], grades: dict[str, str]) -> ScriptedModel:
    """Gives the answers in order, and as the judge the grades of those that it is shown."""
    lines = iter(answers)

    def say(prompt):
        if prompt.name != "judge":
            return next(lines)
        shown = prompt.messages[-1].content.rpartition("Answer:\n\n")[2]
        return grades[shown]

    return ScriptedModel(say)


# ── By a check ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_first_sample_that_passes_all_checks_is_given(tmp_path: Path) -> None:
    context = Context()
    file = layered_file(tmp_path, "{best_of: {n: 4, rank: check}}", outputs=FIELDS)
    model = ScriptedModel(['{"total": "many"}', "Five.", '{"total": 5}', '{"total": 6}'])
    outcome = await solved(file, model, context=context)
    assert outcome.text == '{"total": 5}'
    assert (outcome.completion.notice, outcome.completion.calls) == (None, 4)
    (step,) = [step for step in context.trace.steps if step.name == "layer.best_of"]
    assert step.facts == {"n": 4, "rank": "check", "samples": 4, "scores": [0, 0, 1, None], "chosen": 3}


async def test_that_another_sample_was_cut_off_is_not_said_of_the_one_that_is_given(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 2, rank: check}}", outputs=FIELDS)
    cut = Completion(text='{"tot', model="m", notice=f"{CUT_OFF} at its limit of 3 tokens.\nIt is slow today.")
    whole = Completion(text='{"total": 5}', model="m")
    found = (await solved(file, ScriptedModel([cut, whole]))).completion
    assert (found.text, found.notice) == ('{"total": 5}', "It is slow today.")
    found = (await solved(file, ScriptedModel([cut, cut]))).completion
    assert str(found.notice).count(CUT_OFF) == 1


async def test_else_the_one_that_passes_most_and_a_notice(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 3, rank: check}}", outputs=FIELDS, body=PASSAGES)
    # A number cites nothing and need not, so the last two pass one check of two.
    model = ScriptedModel(["Five.", '{"sum": 5}', '{"sum": 6}'])
    found = (await solved(file, model, hits=[hit("It is 5.")])).completion
    assert found.text == '{"sum": 5}'
    assert "None of the 3 samples passed all the checks (schema, citations)" in str(found.notice)


async def test_samples_that_were_had_are_ranked_where_others_fail(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 3, rank: check}}", outputs=FIELDS)
    model = ScriptedModel(['{"total": "many"}', ModelUnavailable("down"), '{"total": 6}'])
    found = (await solved(file, model)).completion
    assert (found.text, found.notice) == ('{"total": 6}', "1 of 3 samples are missing: down")
    with pytest.raises(ModelUnavailable):
        await solved(file, ScriptedModel([ModelUnavailable("down")] * 3))


async def test_an_answer_that_abstains_fails_no_check(tmp_path: Path) -> None:
    body = PASSAGES.replace("Be brief.", ABSTAINS)
    file = layered_file(tmp_path, "{best_of: {n: 2, rank: check}}", own=f"abstain: {ABSTAINS}", body=body)
    model = ScriptedModel(["It is 5.", ABSTAINS])
    found = (await solved(file, model, hits=[hit("Nothing.")])).completion
    assert (found.text, found.notice) == (ABSTAINS, None)


@pytest.mark.parametrize(("p", "n"), [(0.3, 3), (0.15, 5), (0.6, 2)])
async def test_one_of_n_samples_is_right_as_often_as_theory_says(tmp_path: Path, p: float, n: int) -> None:
    file = layered_file(tmp_path, f"{{best_of: {{n: {n}, rank: check}}}}", outputs=RIGHT)
    draw = random.Random(n)
    model = ScriptedModel(lambda _: '{"answer": "right"}' if draw.random() < p else '{"answer": "wrong"}')
    runs = 300
    right = sum([(await solved(file, model)).text == '{"answer": "right"}' for _ in range(runs)])
    expected = 1 - (1 - p) ** n
    assert abs(right / runs - expected) < 4 * (expected * (1 - expected) / runs) ** 0.5


# ── By a judge ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_sample_with_the_best_grade_is_given_and_equal_ones_are_judged_once(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{cot: {on: true}, best_of: {n: 4}}", options=WARM)
    answers = ["Hm.\nAnswer: four", "So.\nAnswer: five", "Well.\nAnswer: four", "Yes.\nAnswer: 5"]
    model = judged(answers, {"four": "No.\nGrade: 2", "five": "Yes.\nGrade: 5", "5": "Yes.\nGrade: 5"})
    found = (await solved(file, model, prompt_file=shipped)).completion
    assert (found.text, found.reasoning, found.notice, found.calls) == ("five", "So.", None, 7)
    asked = [prompt for prompt in model.prompts if prompt.name == "judge"]
    assert len(asked) == 3
    assert "Question: Question: How many?\n\nAnswer:" in asked[0].messages[-1].content  # and no word of steps
    assert (model.prompts[0].calls, model.prompts[0].worst_case_calls) == (8, 8)


@pytest.mark.parametrize("judge", ["It is fine.", "Grade: 9", "", ModelUnavailable("down")])
async def test_where_nobody_can_judge_the_first_is_given_and_it_is_said(tmp_path: Path, judge) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 2}}")
    found = (await solved(file, judged(["one", "two"], {"one": judge, "two": judge}), prompt_file=shipped)).completion
    assert found.text == "one"
    assert "The judge graded none of the 2 samples, so the first one was taken" in str(found.notice)
    assert not (isinstance(judge, str) and judge and judge in str(found.notice))  # its words are no reason


async def test_a_sample_without_a_grade_stands_behind_all_others(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 2}}")
    model = judged(["one", "two"], {"one": "Who knows?", "two": "Bad.\nGrade: 1"})
    found = (await solved(file, model, prompt_file=shipped)).completion
    assert (found.text, found.notice) == ("two", "The judge graded 1 of the 2 samples.")


async def test_a_judge_that_cannot_be_read_is_said_and_is_no_end(tmp_path: Path) -> None:
    def broken(name: str):
        raise PromptError("has no front matter", where=f"{name}.prompty:1:1")

    file = layered_file(tmp_path, "{best_of: {n: 2}}")
    found = (await solved(file, ScriptedModel(["one", "two"]), prompt_file=broken)).completion
    assert found.text == "one"
    assert "judge.prompty:1:1: has no front matter" in str(found.notice)


@pytest.mark.parametrize(
    ("said", "grade"),
    [("Good.\nGrade: 4", 4), ("Grade: 4/5", 4), ("**Grade: 3**", 3), ("Grade: 14", None), ("Grade: 3.5", None),
     ("Grade: 4\nThat is all.", None), ("", None)],
)  # fmt: skip
def test_a_grade_stands_at_the_end(said: str, grade: int | None) -> None:
    assert grade_in(said) == grade


# ── By its own odds ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_likeliest_sample_is_given(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 4, rank: logprob}}")
    model = Likely({"one": -2.0, "two": None, "three": -0.5, "four": -0.5001})
    outcome = await solved(file, model)
    assert (outcome.text, outcome.completion.notice) == ("three", None)
    assert all(prompt.logprobs for prompt in model.prompts)
    assert not outcome.prompt.logprobs


async def test_a_model_that_does_not_tell_gives_its_first_and_says_so(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 2, rank: logprob}}")
    found = (await solved(file, Likely({"one": None, "two": None}))).completion
    assert found.text == "one"
    assert "does not tell how likely its words are" in str(found.notice)


# ── What cannot work ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("layers", "options", "outputs", "fault"),
    [
        ("{best_of: {n: 3}}", "{temperature: 0}", "", "best_of needs a temperature above 0"),
        ("{best_of: {n: 3}}", "{topK: 1}", "", "best_of cannot choose with topK: 1"),
        ("{best_of: {n: 1}}", "{}", "", "best_of.n"),
        ("{best_of: {n: 3, rank: jury}}", "{}", "", "best_of.rank"),
        (
            "{best_of: {rank: check}}",
            "{}",
            "",
            "nothing to check by: the prompt has neither outputs nor {{ passages }}",
        ),
        ("{best_of: {rank: check, checks: schema}}", "{}", "", "schema checks nothing here: the prompt has no outputs"),
        ("{best_of: {rank: check, checks: [schema, citations]}}", "{}", FIELDS, "citations checks nothing here"),
        ("{best_of: {rank: check, checks: [schema, schema]}}", "{}", FIELDS, "stands here twice"),
        ("{best_of: {rank: check, checks: []}}", "{}", FIELDS, "names nothing"),
        ("{best_of: {rank: check, checks: [citation]}}", "{}", FIELDS, "citation"),
        ("{best_of: {checks: [schema]}}", "{}", FIELDS, "checks do nothing with `rank: judge`"),
        ("{best_of: {n: 3}, self_consistency: {vote: total}}", "{}", FIELDS, "both choose among the same samples"),
        ("{best_of: {n: 60}}", "{}", "", "may take 120 calls"),
    ],
)
def test_what_cannot_rank_is_refused_when_the_file_is_read(
    tmp_path: Path, layers: str, options: str, outputs: str, fault: str
) -> None:
    with pytest.raises(PromptError, match=r"test\.prompty:\d+:\d+") as refused:
        layered_file(tmp_path, layers, options=options, outputs=outputs)
    assert fault in str(refused.value)


async def test_a_sample_that_fails_leaves_the_others(tmp_path: Path) -> None:
    file = layered_file(tmp_path, "{best_of: {n: 3}, least_to_most: {max_steps: 2}}")
    failing = iter([False, True, False])

    def say(prompt: Prompt) -> str | Exception:
        if prompt.name == "judge":
            return "Grade: 4"
        if prompt.output is not None:
            return json.dumps({"questions": []})
        return ModelUnavailable("down") if next(failing) else "Five."

    found = (await solved(file, ScriptedModel(say), prompt_file=shipped)).completion
    assert found.text == "Five."
    assert "1 of 3 samples are missing: down" in str(found.notice)
    failing = iter([True] * 3)
    with pytest.raises(ModelUnavailable, match="down"):
        await solved(file, ScriptedModel(say), prompt_file=shipped)
