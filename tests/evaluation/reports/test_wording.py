"""What has come out, in sentences."""

from __future__ import annotations

from dataclasses import replace

import sample_runs
from ragstone.evaluation.reports.shown import Shown, of_run, of_two
from ragstone.evaluation.reports.wording import contaminated, facts_of, lasted, verdict, when
from sample_runs import ALL, METRICS, case, mixed, outcome, run

FOUND, CONTAINED, COST, SLOWEST = ALL


def two(before: list[bool], after: list[bool]) -> Shown:
    sides = [
        run([outcome(case(at), right=right) for at, right in enumerate(each, 1)], name=name)
        for name, each in (("a-1", before), ("a-2", after))
    ]
    return of_two(*sides, METRICS, pipelines=("answer", "answer"))


def test_moments_and_spans_are_in_words() -> None:
    assert when(sample_runs.STARTED) == "2026-09-21 14:13 UTC"
    assert when(None) == ""
    assert [lasted(seconds) for seconds in (0.04, 59.9, 60, 3600)] == ["0.0 s", "59.9 s", "1 min 0 s", "1 h 0 min"]


def test_cases_that_a_prompt_may_know_are_counted_once_each() -> None:
    made = run([outcome(case(1))])
    assert contaminated(made) == ""
    found = [{"case": name} for name in ("a", "a", "b")]
    said = contaminated(replace(made, facts={**made.facts, "contamination": found}))
    assert said == f"2 cases of {made.name} share words with prompts, examples or each other."
    assert "1 case of" in contaminated(replace(made, facts={**made.facts, "contamination": found[:2]}))


def test_a_gain_beyond_doubt_is_said_first() -> None:
    said = verdict(two([False] * 20 + [True] * 20, [True] * 38 + [False] * 2))
    assert said[0] == (
        "a-2 gets 18 more of 40 questions right than a-1 by contained: 38 against 20; 20 turned right, 2 turned wrong."
    )
    assert said[1].startswith("The difference is +0.450; its 95 % interval, +0.2")
    assert "leaves out 0: a-2 is better beyond doubt (p <\u00a00.001" in said[1]


def test_a_loss_is_said_as_plainly() -> None:
    said = verdict(two([True] * 30, [True] * 12 + [False] * 18))
    assert "gets 18 fewer of 30 questions right than a-1" in said[0]
    assert "a-2 is worse beyond doubt" in said[1]


def test_what_may_be_luck_is_called_so() -> None:
    said = verdict(two([False, True] * 5, [True, True, *([False, True] * 4)]))
    assert "gets 1 more of 10 questions" in said[0]
    assert "includes 0: that may be luck" in said[1]


def test_a_gain_on_few_questions_is_not_beyond_doubt_though_its_interval_says_so() -> None:
    shown = two([False] * 4, [True] * 4)
    assert shown.changes["contained"].moved
    assert shown.changes["contained"].verdict == ""
    assert (
        "leaves out 0, but of so few questions that may be luck (p <\u00a00.001, by permutation 0.125)"
        in verdict(shown)[1]
    )


def test_nothing_changed_is_no_luck() -> None:
    said = verdict(two([True] * 5, [True] * 5))
    assert "gets as many of 5 questions right as a-1 by contained: 5 against 5" in said[0]
    assert said[1] == "No question's figure has changed."


def test_the_pipelines_of_one_run_are_ranked() -> None:
    each = [
        replace(one, pipeline=name) for name, share in (("x", 0.2), ("y", 0.9), ("z", 0.5)) for one in mixed(30, share)
    ]
    said = verdict(of_run(run(each), METRICS))
    assert [sentence.split(" ", 1)[0] for sentence in said[:3]] == ["y", "z", "x"]
    assert "95 % interval" in said[0]


def test_what_is_lacking_is_said() -> None:
    failed = outcome(case(9), error="ModelTimeout: too slow", answer={}, rows={})
    gates = [sample_runs.Gate("answer", "a", "b", passed=False), sample_runs.Gate("answer", "a", "b", passed=True)]
    said = verdict(of_run(run([outcome(case(1)), failed], ended=False, cases=10), METRICS, gates=gates))
    assert "rules-1 was cut short: 2 of 10 answers are there." in said
    assert "answer: 1 of 2 answers failed." in said
    assert "1 of 2 gates failed." in said


def test_other_figures_beyond_doubt_are_named() -> None:
    before = [outcome(case(at)) for at in range(1, 21)]
    after = [replace(one, rows={**one.rows, "cost": (0.01,), "hit@5": (1.0,)}) for one in before]
    shown = of_two(run(before, name="a-1"), run(after, name="a-2"), METRICS, pipelines=("answer", "answer"))
    assert "Also worse beyond doubt: cost." in verdict(shown)


def test_a_suite_that_judges_nothing_says_so() -> None:
    shown = of_run(run([outcome(case(1), rows={"cost": (0.1,)})]), METRICS)
    assert shown.main is None
    assert verdict(shown)[0] == "No figure of this suite says which answers are right."


def test_a_side_says_what_it_is_made_of() -> None:
    (side,) = of_run(run([outcome(case(1))]), METRICS).sides
    assert facts_of(side) == "pipeline answer, prompt answer 1a2b3c, model extractive, k 5"
