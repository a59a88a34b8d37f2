"""A judge that grades: what it is sent, what it says, what that takes, and what its grades are worth."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from judges import SHIPPED, bench, judging, said
from ragstone.errors import ModelDenied, ModelUnavailable, NotConfigured, Ungraded, UsageError
from ragstone.evaluation.cases import Case
from ragstone.evaluation.judging.asking import AT_ONCE, each
from ragstone.evaluation.judging.beside import beside
from ragstone.evaluation.judging.grading import Judge
from ragstone.evaluation.judging.labels import Label
from ragstone.evaluation.judging.notes import graded_of
from ragstone.evaluation.outcomes import Outcome
from ragstone.protocols import Capabilities
from ragstone.testing import ScriptedModel
from ragstone.types import Prompt
from ragstone.usage import Price

LENGTHS = "It names the day.\nGrade: {}"


def by_words(answer: str) -> str:
    """The kindness of a judge that counts words."""
    return LENGTHS.format(min(5, len(answer.split())))


def labels(*grades: int, words: int = 0) -> list[Label]:
    return [
        Label(question="Q?", answer=" ".join(["word"] * (words or at)), grade=grade, where=f"l.jsonl:{at}")
        for at, grade in enumerate(grades, 1)
    ]


async def test_a_grade_is_the_last_line_and_what_it_took_is_counted() -> None:
    priced = Capabilities(price=Price(input=1, output=2))
    model = judging(lambda answer: "Right.\nGrade: 5", capabilities=priced)
    judge = Judge.of(bench(model))
    found = await judge.grade("When?", "On 3 May.", rubric="It names the day.", expected=["3 May", "May 3", "3.5."])
    assert (found.grade, found.said) == (5, "Right.\nGrade: 5")
    sent = said(model.prompts[0])
    for words in ("Rubric: It names the day.", "Reference: 3 May", "Also right: May 3", "Also right: 3.5.", "When?"):
        assert words in sent
    asking = judge.asking
    assert (asking.calls, asking.models, asking.name) == (1, {"scripted"}, "m")
    assert asking.tokens == asking.usage.input_tokens + 3 > 100


async def test_an_answer_is_judged_by_what_its_case_expects() -> None:
    model = judging(lambda answer: "Grade: 4" if answer == "On 3 May." else "Grade: 1")
    judge = Judge.of(bench(model))
    case = Case(id="a", question="When?", expected=("3 May",))
    answer = {"text": "On 3 May [1].", "abstained": False, "model": "gpt"}
    assert await judge.of_outcome(Outcome(case=case, pipeline="answer", answer=answer)) == 4
    silent = {"text": "The documents do not say.", "abstained": True}
    assert await judge.of_outcome(Outcome(case=case, pipeline="answer", answer=silent)) == 1
    assert "The documents do not say." in said(model.prompts[1])
    assert "Rubric:" not in said(model.prompts[0])
    assert [one.writer for one in judge.graded] == ["gpt", ""]


@pytest.mark.parametrize("words", ["Lovely weather.", "", "Grade: 6", "Grade: 4\nor so", "\x1b[31m" + "no " * 80])
async def test_nonsense_is_no_grade_and_its_beginning_is_told(words: str) -> None:
    judge = Judge.of(bench(ScriptedModel([words])))
    with pytest.raises(Ungraded) as raised:
        await judge.grade("When?", "On 3 May.", where="evals/a.jsonl:3")
    told = str(raised.value)
    assert told.startswith("evals/a.jsonl:3: the prompt 'judge' gave no grade: expected a last line such as Grade: 4")
    assert " ".join(words.split())[1:30].rstrip() in told
    assert told.isprintable()
    assert len(told) < 240
    assert judge.ungraded == 1
    assert "1 of its replies ended with no grade, and count for nothing." in judge.notes()


async def test_few_are_asked_side_by_side_and_none_from_a_cache() -> None:
    running = most = 0
    full = asyncio.Event()

    class Counting(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context):  # type: ignore[no-untyped-def]
            nonlocal running, most
            running += 1
            most = max(most, running)
            assert context.cache == "off"
            if running == AT_ONCE:
                full.set()
            await full.wait()
            await asyncio.sleep(0.01)  # so that others could come in
            running -= 1
            return await super().generate(prompt, context=context)

    judge = Judge.of(bench(Counting(lambda _: "Grade: 3")))
    found = await asyncio.gather(*(judge.grade("Q?", "A.") for _ in range(3 * AT_ONCE)))
    assert [one.grade for one in found] == [3] * 3 * AT_ONCE
    assert most == AT_ONCE


async def test_a_cache_answers_where_that_is_asked_for() -> None:
    seen: list[str] = []

    class Noting(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context):  # type: ignore[no-untyped-def]
            seen.append(context.cache)
            return await super().generate(prompt, context=context)

    await Judge.of(bench(Noting(["Grade: 3"])), cache="use").grade("Q?", "A.")
    assert seen == ["use"]


async def test_the_first_model_that_writes_judges_and_no_other() -> None:
    quoting = ScriptedModel([], capabilities=Capabilities(generative=False))
    judge = Judge.of(bench(quoting, judging(by_words), ScriptedModel([])))
    assert judge.asking.name == "n"
    assert (await judge.grade("Q?", "two words")).grade == 2
    with pytest.raises(NotConfigured, match="no model of the route does"):
        Judge.of(bench(quoting))


async def test_a_prompt_that_is_no_judges_is_refused_and_one_of_your_own_is_given_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="prompt 'verify': the prompt is no judge's: expected the inputs question, answer"
    ):
        Judge.of(bench(judging(by_words), prompts=SHIPPED), prompt="verify")
    given = "inputs: [{name: question}, {name: answer}, {name: reference}]"
    own = f"---\n{given}\n---\nuser:\n{{{{ question }}}}{{{{ answer }}}}{{{{ reference }}}}"
    (tmp_path / "own.prompty").write_text(own)
    model = ScriptedModel(["Grade: 2"])
    judge = Judge.of(bench(model, prompts=tmp_path), prompt="own")
    await judge.grade("Q?", "A.", rubric="left out", expected=["one", "two"])
    assert said(model.prompts[0]) == "Q?A.one\ntwo"


# ── Beside people ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_judge_that_grades_as_people_do_agrees() -> None:
    found = await beside(Judge.of(bench(judging(by_words))), labels(1, 2, 3, 4, 5))
    assert (found.agreement.exact, found.agreement.kappa, found.missed) == (1, 1, [])


async def test_the_judge_is_told_what_people_were_told_and_not_their_grade() -> None:
    model = ScriptedModel(["Grade: 4"])
    given = Label(question="When?", answer="On 3 May.", grade=2, expected=("3 May", "May 3"), rubric="The day.")
    await beside(Judge.of(bench(model)), [given])
    sent = model.prompts[0].messages[-1].content
    assert [words in sent for words in ("Rubric: The day.", "Reference: 3 May", "Also right: May 3")] == [True] * 3
    assert "2" not in sent


async def test_nonsense_is_told_of_its_line_and_the_others_go_on() -> None:
    done: list[tuple[int, int]] = []
    model = judging(lambda answer: "What?" if len(answer.split()) == 2 else by_words(answer))
    judge = Judge.of(bench(model))
    found = await beside(judge, labels(1, 2, 3, 5), told=lambda one, of: done.append((one, of)))
    assert found.agreement.answers == 3
    assert found.agreement.table[4][3] == 1
    assert found.missed == [
        "l.jsonl:2: the prompt 'judge' gave no grade: expected a last line such as Grade: 4, found 'What?'"
    ]
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


async def test_a_file_of_which_all_is_nonsense_ends_with_one_error() -> None:
    judge = Judge.of(bench(ScriptedModel(lambda _: "What?")))
    with pytest.raises(
        Ungraded, match=r"l.jsonl:1: none of 3 was judged: the prompt 'judge' gave no grade: found 'What"
    ):
        await beside(judge, labels(1, 2, 3))


async def test_after_many_failures_and_no_grade_nobody_is_asked_any_more() -> None:
    model = ScriptedModel(lambda _: ModelUnavailable("it is down"))
    with pytest.raises(ModelUnavailable, match="it is down"):
        await beside(Judge.of(bench(model)), labels(*[3] * 200))
    assert len(model.prompts) < 40
    answered = ScriptedModel(lambda prompt: "Grade: 3" if len(answered.prompts) == 1 else ModelUnavailable("down"))
    found = await beside(Judge.of(bench(answered)), labels(*[3] * 60))
    assert (found.agreement.answers, len(found.missed)) == (1, 59)


async def test_a_key_that_is_refused_ends_it_at_once() -> None:
    model = ScriptedModel(lambda _: ModelDenied("the key was refused"))
    with pytest.raises(ModelDenied):
        await beside(Judge.of(bench(model)), labels(*[3] * 60))
    assert len(model.prompts) <= AT_ONCE


async def test_an_error_that_is_nobodys_fault_but_ours_is_raised() -> None:
    async def broken(_: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await each([1, 2, 3], broken)


# ── Notes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def noted(judge: Judge, words: list[int], writer: str = "") -> str:
    for count in words:
        await judge.grade("Q?", " ".join(["word"] * count), writer=writer)
    return " ".join(judge.notes())


async def test_a_judge_of_its_own_words_is_named() -> None:
    judge = Judge.of(bench(judging(by_words, model="gpt")))
    said = await noted(judge, [1, 2], "gpt")
    assert said.startswith(
        "The judge is m (gpt). The same model wrote all the answers: a model tends to prefer its own"
    )
    assert "wrote 2 of the 3 answers" in await noted(judge, [3], "another")
    assert "same model" not in await noted(Judge.of(bench(judging(by_words, model="gpt"))), [1], "another")


async def test_grades_that_follow_length_are_told_with_their_number() -> None:
    said = await noted(Judge.of(bench(judging(by_words))), [1, 2, 3, 4, 5] * 4)
    assert "Longer answers have better grades (Spearman's rho +1.00, 95 % interval +1.00 to +1.00, n = 20)" in said
    down = judging(lambda answer: f"Grade: {6 - len(answer.split())}")
    assert "Longer answers have worse grades" in await noted(Judge.of(bench(down)), [1, 2, 3, 4, 5] * 4)
    luck = judging(lambda answer: f"Grade: {2 + (len(answer.split()) in (1, 4))}")
    assert "do not follow the length of the answers beyond doubt" in await noted(
        Judge.of(bench(luck)), [1, 2, 3, 4] * 5
    )
    assert "fewer than 10 (3 graded)" in await noted(Judge.of(bench(judging(by_words))), [1, 2, 3])
    assert "all 10 have the same grade" in await noted(Judge.of(bench(judging(lambda _: "Grade: 5"))), [*range(1, 11)])
    assert "all 10 have the same length" in await noted(
        Judge.of(bench(ScriptedModel(["Grade: 4", "Grade: 5"] * 5))), [3] * 10
    )


async def test_the_order_in_which_answers_come_changes_no_figure() -> None:
    judge = Judge.of(bench(judging(lambda answer: f"Grade: {len(answer.split()) % 4 + 1}")))
    await noted(judge, [1, 2, 3, 4, 5, 6, 7] * 3)
    told = judge.notes()
    judge.graded.reverse()
    assert judge.notes() == told


async def test_agreement_with_people_is_told_or_that_nobody_knows_it() -> None:
    judge = Judge.of(bench(judging(by_words)))
    assert "How far it agrees with people is not known." in " ".join(judge.notes())
    kind = Judge.of(bench(judging(lambda answer: f"Grade: {min(5, len(answer.split()) + 1)}")))
    kind.agreement = (await beside(kind, labels(*[1, 2, 3, 4] * 20, words=1))).agreement
    assert "Beside people's grades of 80 answers: 25 % equal" in (told := " ".join(kind.notes()))
    assert "stricter than they are by 0.50" in told
    few = (await beside(judge, labels(1, 2, 3))).agreement
    assert (
        "it is neither kinder nor stricter beyond doubt. From fewer than 10"
        in Judge(judge.asking, agreement=few).notes()[-1]
    )


async def test_a_lean_to_length_is_told_apart_from_answers_that_are_better_and_long() -> None:
    long_are_better = [*labels(1, 2, 3, 4, 5)] * 4
    right = await beside(Judge.of(bench(judging(by_words))), long_are_better)
    assert right.notes() == []  # the judge says what people say
    longer = [replace(one, answer=one.answer + " word" * (at % 2)) for at, one in enumerate(long_are_better)]
    flattered = await beside(Judge.of(bench(judging(by_words))), longer)
    assert flattered.notes()[0].startswith(
        "Where people's grades are alike, it gives longer answers better ones (partial Spearman's rho +0."
    )
    every = [replace(one, question=f"Is {grade} so?") for one in longer[:10] for grade in range(1, 6)]
    careless_model = ScriptedModel(lambda prompt: f"Grade: {said(prompt).partition('Question: Is ')[2][0]}")
    careless = await beside(Judge.of(bench(careless_model)), every)  # each grade for each answer
    assert careless.notes()[0].startswith("Where people's grades are alike, its own do not follow length beyond doubt")


def test_the_grades_of_a_run_that_was_cut_short_are_known_too() -> None:
    case = Case(id="a", question="Q?")
    answer = {"text": "On 3 May [1].", "abstained": False, "model": "gpt"}
    outcomes = [
        Outcome(case=case, pipeline="answer", answer=answer, rows={"judge": (4.0,)}),
        Outcome(case=case, pipeline="answer", error="it was down"),
    ]
    (found,) = graded_of(outcomes)
    assert (found.grade, found.words, found.writer) == (4, 3, "gpt")
