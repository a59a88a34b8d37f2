"""The report as Markdown, as GitHub reads it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

import sample_runs
from ragstone.evaluation.reports.shown import of_run, of_two
from ragstone.evaluation.reports.table import LIMIT, escaped, table
from sample_runs import METRICS, case, mixed, outcome, run

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
JOINER = "\N{WORD JOINER}"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


def read(markdown: str) -> LexborHTMLParser:
    return LexborHTMLParser(READER.render(markdown))


def compared(**more: object) -> str:
    before, after = run(mixed(40, 0.5), name="a-1"), run(mixed(40, 0.9, seed=1), name="a-2")
    return table(of_two(before, after, METRICS, pipelines=("answer", "answer"), **more))


def test_it_has_a_verdict_a_table_of_figures_gates_and_what_flipped() -> None:
    gates = [sample_runs.Gate("answer", "contained at least 0.8", "0.9", passed=True)]
    said = compared(gates=gates)
    tree = read(said)
    assert tree.css_first("h3").text() == "a-2 against a-1"
    assert "more of 37 questions right than a-1 by contained" in tree.css_first("strong").text()
    tables = [[one.text() for one in each.css("th")] for each in tree.css("table")]
    assert tables[0] == ["metric", "a-1", "a-2", "difference", "95 % interval", "p", "p by permutation", ""]
    assert tables[1] == ["gate", "pipeline", "asked", "found"]
    assert tables[2] == ["question", "by", "a-1", "a-2"]
    figures = [one.text() for one in tree.css("table")[0].css("tbody tr:nth-child(2) td")]
    assert figures[0] == "contained"
    assert figures[-1] == "✅ better"
    summaries = [one.text() for one in tree.css("summary")]
    assert any("turned right in a-2" in one for one in summaries)
    assert "contained by tag" in summaries


def test_a_single_run_has_its_figures_alone() -> None:
    tree = read(table(of_run(run(mixed(20, 0.5)), METRICS)))
    assert [one.text() for one in tree.css("th")] == ["metric", "answer"]
    assert not tree.css("details")


@pytest.mark.parametrize(
    "words",
    [
        "a | b || c",
        "`code` ``more``",
        "**bold** _it_ ~~gone~~ # no heading",
        "<script>alert(1)</script> <img src=x onerror=y>",
        "</details><details open>",
        "[here](javascript:alert(1)) ![x](https://x.example/y.png)",
        "line\none\r\ntwo\ttabs\x00nul",
        "- item",
        "1. item",
        "\\| back \\\\ slash \\",
        "&lt;b&gt; &amp;",
        "$x$ and :smile:",
        "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    ],
)
def test_what_others_wrote_stays_in_its_cell_as_it_is(words: str) -> None:
    flat = " ".join(CONTROL.sub(" ", words).split())
    one = outcome(case(1, question=words), right=False, text=words)
    before = run([one], name="a-1")
    after = run([replace(one, rows={**one.rows, "contained": (1.0,)})], name="a-2")
    tree = read(table(of_two(before, after, METRICS, pipelines=("answer", "answer"))))
    (row,) = tree.css("details table")[0].css("tbody tr")
    cells = [each.text().replace(JOINER, "") for each in row.css("td")]
    assert cells == [flat, "contained 0.000 → 1.000", flat, flat]
    assert not tree.css("script, img, a, h1, code:not(td:first-child code), em, del, li")


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_text_is_one_paragraph_of_itself(text: str) -> None:
    flat = " ".join(CONTROL.sub(" ", text).split())
    body = read(escaped(text, 100)).body
    assert body is not None
    assert [node.tag for node in body.iter()] == (["p"] if flat else [])
    assert [node.tag for node in body.css("p *")] == []
    assert body.text(strip=True).replace(JOINER, "") == flat.replace(JOINER, "")


@given(st.text(st.sampled_from("ab@#/:w.h tps&<"), max_size=30))
def test_nobody_is_called_and_nothing_is_linked(text: str) -> None:
    body = read(escaped(f"{text} @ada #12 owner/x#3 https://x.example www.x.example a@b.example", 400)).body
    assert body is not None
    assert not re.search(r"[@#][\w]|://[\w]|www\.", body.text(), re.IGNORECASE)


def test_it_stays_below_the_limit_whatever_the_run_and_says_what_is_left_out() -> None:
    words = "<&|*long words " * 400
    before = run([outcome(case(at, question=words), right=False, text=words) for at in range(1, 900)], name="a-1")
    after = run([outcome(case(at, question=words), text=words) for at in range(1, 900)], name="a-2")
    said = table(of_two(before, after, METRICS, pipelines=("answer", "answer")))
    assert len(said) <= LIMIT
    there = len(read(said).css("details table")[0].css("tbody tr"))
    assert f"Left out, since a comment has no more room: {899 - there} flipped questions" in said
    assert said.count("<details>") == said.count("</details>")


def test_many_pipelines_stay_below_the_limit() -> None:
    each = [outcome(case(1), pipeline=f"{at}-{'x' * 55}") for at in range(700)]
    said = table(of_run(run(each), METRICS[:1]))
    assert len(said) <= LIMIT
    assert "Left out" in said


def test_what_failed_comes_first_among_the_gates() -> None:
    gates = [sample_runs.Gate("answer", "a", "b", passed=True), sample_runs.Gate("answer", "c", "d", passed=False)]
    tree = read(table(of_run(run(mixed(5, 0.5)), METRICS, gates=gates)))
    assert [one.text() for one in tree.css("table")[1].css("td:first-child")] == ["❌ failed", "✅ passed"]


def test_what_is_missing_and_noted_is_said() -> None:
    failed = outcome(case(3), error="ModelTimeout: too slow", answer={}, rows={})
    finding = {"case": "q1"}
    said = table(
        of_run(run([outcome(case(1)), failed], notes=["Judge it yourself."], contamination=[finding]), METRICS)
    )
    assert "| answer | answer | ModelTimeout: too slow | 1 |" in said
    assert "Judge it yourself." in said
    assert "1 case of rules-1 shares words with prompts, examples or each other." in said
