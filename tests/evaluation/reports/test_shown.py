"""What a report shows, computed from runs."""

from __future__ import annotations

from dataclasses import replace

from ragstone.evaluation.reports.shown import of_run, of_two
from sample_runs import METRICS, case, mixed, outcome, run

FOUND, CONTAINED, COST = METRICS


def test_answers_are_judged_before_what_was_found() -> None:
    assert of_run(run(mixed(10, 0.5)), METRICS).main is CONTAINED
    assert of_run(run(mixed(10, 0.5)), [FOUND, COST]).main is FOUND
    assert of_run(run(mixed(10, 0.5)), [COST]).main is None


def test_of_two_metrics_that_judge_answers_the_one_of_most_cases_counts() -> None:
    rare = type(CONTAINED)("f1")
    made = [outcome(case(at), rows={"contained": (1.0,), **({"f1": (1.0,)} if at == 1 else {})}) for at in (1, 2, 3)]
    assert of_run(run(made), [rare, CONTAINED]).main is CONTAINED


def test_two_pipelines_of_a_run_are_compared_and_three_are_not() -> None:
    each = {name: [replace(one, pipeline=name) for one in mixed(10, 0.5)] for name in "abc"}
    assert of_run(run([*each["a"], *each["b"]]), METRICS).comparison is not None
    assert of_run(run([*each["a"], *each["b"], *each["c"]]), METRICS).comparison is None


def test_a_run_cut_short_before_two_pipelines_met_is_not_compared() -> None:
    short = run([outcome(case(1), pipeline="a"), outcome(case(2), pipeline="b")], ended=False)
    assert of_run(short, METRICS).comparison is None


def test_sides_are_called_apart() -> None:
    one, two = [outcome(case(1))], [outcome(case(1), pipeline="short")]
    for first, second, labels in (
        (run(one, name="a-1"), run(one, name="a-2"), ["a-1", "a-2"]),
        (run(one, name="a-1"), run(two, name="a-2"), ["a-1 (answer)", "a-2 (short)"]),
        (run(one, name="a-1"), run(two, name="a-1"), ["answer", "short"]),
        (run(one, name="a-1"), run(one, name="a-1"), ["a-1 (A)", "a-1 (B)"]),
    ):
        shown = of_two(first, second, METRICS, pipelines=(first.pipelines[0], second.pipelines[0]))
        assert [side.label for side in shown.sides] == labels


def test_a_case_that_flips_by_two_metrics_is_one_question() -> None:
    before = outcome(case(1), rows={"contained": (0.0,), "hit@5": (0.0,)})
    after = outcome(case(1), rows={"contained": (1.0,), "hit@5": (1.0,)})
    shown = of_two(run([before], name="a-1"), run([after], name="a-2"), METRICS, pipelines=("answer", "answer"))
    (flipped,) = shown.flipped
    assert flipped.gained
    assert sorted(flip.metric for flip in flipped.flips) == ["contained", "hit@5"]
    assert (flipped.before, flipped.after) == (before, after)


def test_a_case_that_flips_both_ways_is_shown_both_ways() -> None:
    before = outcome(case(1), rows={"contained": (0.0,), "hit@5": (1.0,)})
    after = outcome(case(1), rows={"contained": (1.0,), "hit@5": (0.0,)})
    shown = of_two(run([before], name="a-1"), run([after], name="a-2"), METRICS, pipelines=("answer", "answer"))
    assert [(one.gained, one.flips[0].metric) for one in shown.flipped] == [(True, "contained"), (False, "hit@5")]


def test_the_worst_are_wrong_and_the_worst_of_them_first() -> None:
    rows = [0.4, 1.0, 0.1, 0.5, 0.3]
    made = [outcome(case(at), rows={"contained": (score,)}) for at, score in enumerate(rows, 1)]
    shown = of_run(run(made), METRICS)
    assert [(one.case.id, score) for one, score in shown.worst(shown.sides[0], 2)] == [("q3", 0.1), ("q5", 0.3)]
    assert len(shown.worst(shown.sides[0], 10)) == 3


def test_what_is_missing_is_grouped_by_its_reason() -> None:
    made = [outcome(case(at), error="ModelTimeout: too slow", answer={}, rows={}) for at in (1, 2)]
    made += [outcome(case(3), missed={"contained": "ValueError: is odd"})]
    found = of_run(run(made), METRICS).missed
    assert [(one.what, one.reason, list(one.cases)) for one in found] == [
        ("answer", "ModelTimeout: too slow", ["q1", "q2"]),
        ("contained", "ValueError: is odd", ["q3"]),
    ]


def test_an_answer_is_shown_rather_than_an_earlier_failure() -> None:
    failed = outcome(case(1), error="ModelTimeout: too slow", answer={}, rows={})
    shown = of_two(
        run([failed, replace(outcome(case(1), right=False), repeat=1)], name="a-1"),
        run([outcome(case(1))], name="a-2"),
        METRICS,
        pipelines=("answer", "answer"),
    )
    assert not shown.flipped[0].before.error


def test_tags_come_with_the_most_frequent_first() -> None:
    made = [
        outcome(case(1, tags=("rare", "all"))),
        outcome(case(2, tags=("all",))),
        outcome(case(3, tags=("both", "all"))),
    ]
    assert of_run(run([*made, outcome(case(4, tags=("both",)))]), METRICS).tags == ["all", "both", "rare"]
