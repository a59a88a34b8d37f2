"""What an answer is to other programs. That they read it is tested in tests/servers/exports_tests.py."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ragstone.errors import MissingExtra
from ragstone.evaluation.cases import Evidence
from ragstone.evaluation.reports.exports import deepeval, mlflow, ragas
from ragstone.evaluation.reports.exports.samples import samples
from sample_runs import METRICS, case, mixed, outcome, run


def test_markers_are_no_words_of_an_answer() -> None:
    (one,) = samples([outcome(case(1))])
    assert one.answer == "Rule 1 says 1."


def test_an_abstention_is_told_in_its_words() -> None:
    silent = next(one for one in mixed(200, 0.9) if one.abstained)
    (one,) = samples([silent])
    assert (one.answer, one.expected) == ("I cannot tell.", None)


def test_what_failed_is_no_sample() -> None:
    assert samples([outcome(case(1), error="ModelTimeout: too slow", answer={})]) == []


def test_a_search_alone_has_no_answer() -> None:
    one = outcome(case(1))
    only = replace(one, answer={"hits": one.answer["hits"]})
    assert samples([only])[0].answer is None
    assert "response" not in ragas.rows([only])[0]
    assert deepeval.rows([only])[0]["actual_output"] == ""


def test_evidence_is_quoted_or_cut_from_a_passage_that_holds_it() -> None:
    text = outcome(case(1)).hits[0].text
    cut = Evidence(uri="rules-1.md", start=6, end=11)
    quoted = Evidence(uri="elsewhere.md", quote="its words")
    (one,) = samples([outcome(case(1, relevant=(cut, quoted)))])
    assert one.evidence == [text[5:10], "its words"]


@pytest.mark.parametrize(
    "unknown",
    [
        Evidence(uri="rules-1.md"),
        Evidence(uri="rules-1.md", start=0, end=4),
        Evidence(uri="rules-1.md", start=4, end=4_000),
        Evidence(uri="rules-99.md", start=4, end=8),
    ],
)
def test_evidence_of_which_a_part_is_unknown_is_none(unknown: Evidence) -> None:
    known = Evidence(uri="x.md", quote="its words")
    assert samples([outcome(case(1, relevant=(known, unknown)))])[0].evidence is None


def test_a_passage_that_was_shaped_for_the_search_is_not_cut() -> None:
    one = outcome(case(1, relevant=(Evidence(uri="rules-1.md", start=6, end=11),)))
    hits = [{**hit, "text": f"Rules: {hit['text']}"} for hit in one.answer["hits"]]
    assert samples([replace(one, answer={**one.answer, "hits": hits})])[0].evidence is None


def test_ragas_gets_the_rows_with_most_fields_first() -> None:
    rows = ragas.rows([outcome(case(1, expected=(), relevant=())), outcome(case(2))])
    assert [row["user_input"] for row in rows] == ["What does rule 2 say?", "What does rule 1 say?"]
    assert "reference" not in rows[1]


def test_half_a_character_is_exported_as_json() -> None:
    odd = outcome(case(1, question="what \ud800 is it?"))
    assert "\\ud800" in ragas.text([odd])
    assert "\\ud800" in deepeval.text([odd])


@pytest.mark.parametrize(
    ("name", "key"),
    [("ndcg@10", "ndcg_at_10"), ("passed@my check", "passed_at_my check"), ("rougeL", "rougeL"), ("é$", "__")],
)
def test_a_metrics_name_is_one_that_mlflow_takes(name: str, key: str) -> None:
    assert mlflow.key(name) == key


def test_without_mlflow_the_hint_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)
    with pytest.raises(MissingExtra, match="needs the package") as raised:
        mlflow.export(run([outcome(case(1))]), METRICS, uri=f"sqlite:///{tmp_path / 'x.db'}")
    assert raised.value.hint == "Run: pip install 'ragstone[mlflow]'"
