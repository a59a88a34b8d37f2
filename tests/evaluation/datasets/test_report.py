"""A report of an evaluation."""

from __future__ import annotations

from ragstone.evaluation.datasets.report import Report


def test_a_report_says_the_mean_of_every_figure():
    each = {"q1": {"ndcg@10": 1.0, "recall@10": 0.5}, "q2": {"ndcg@10": 0.0, "recall@10": 1.0}}
    report = Report(each=each, config={"k": 8}, seconds=1.23456, documents=3, chunks=5, milliseconds=(2.0, 3.456))
    found = report.as_dict()
    assert found["metrics"] == {"ndcg@10": 0.5, "recall@10": 0.75}
    assert found["intervals"]["recall@10"] == [0.5, 1.0]
    assert (found["queries"], found["documents"], found["chunks"], found["config"]) == (2, 3, 5, {"k": 8})
    assert (found["seconds"], found["milliseconds"]) == (1.235, {"p50": 2.0, "p95": 3.46})
