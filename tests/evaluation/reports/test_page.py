"""The page of a report: whole in itself, inert whatever others wrote, and of a size that opens."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

import sample_runs
from ragstone.errors import UsageError
from ragstone.evaluation.reports import cases
from ragstone.evaluation.reports import page as page_module
from ragstone.evaluation.reports.page import page
from ragstone.evaluation.reports.shown import of_run, of_two
from sample_runs import ALL, METRICS, case, mixed, outcome, run

NASTY = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<a href='javascript:alert(1)'>here</a>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea></title></svg><iframe srcdoc='<b>'>",
    "<!-- --> ]]> <![CDATA[",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{POP DIRECTIONAL FORMATTING}",
    "مرحبا بالعالم",
    "w" * 1_400,
    "&lt;b&gt; &amp; &#60;",
)
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "nav",
    "section",
    "div",
    "p",
    "span",
}
TAGS |= {
    "h1",
    "h2",
    "h3",
    "h4",
    "a",
    "b",
    "em",
    "dl",
    "dt",
    "dd",
    "ol",
    "ul",
    "li",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
}
TAGS |= {"td", "details", "summary", "blockquote", "figure", "figcaption", "svg", "rect", "line", "circle", "text"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "dir", "class", "id", "href", "scope", "open"}
ATTRIBUTES |= {
    "viewBox",
    "width",
    "height",
    "role",
    "font-family",
    "fill",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
}
ATTRIBUTES |= {
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "text-anchor",
    "font-size",
    "font-weight",
    "transform",
}
ATTRIBUTES |= {"xmlns"}


def whole(words: str) -> str:
    """A page on which these words stand wherever others may write."""
    asked = case(1, id=words, question=words, where=words, expected=(words,), tags=(words,), rubric=words)
    asked = replace(asked, contains=(words,), not_contains=(words,))
    flaw = {"check": words, "passed": False, "reason": words, "action": "flagged"}
    one = outcome(asked, pipeline=words, right=False, text=words, words=words)
    one = replace(one, answer={**one.answer, "verdicts": [flaw], "model": words}, rows={"contained": (0.0,)})
    two = replace(one, rows={"contained": (1.0,)})
    failed = replace(one, case=replace(asked, id="other"), answer={}, error=words, rows={}, missed={words: words})
    finding = {"case": words, "field": words, "place": words, "words": words, "share": 0.5, "other": words}
    facts = {"contamination": [finding], "notes": [words], "version": words}
    gates = [sample_runs.Gate(words, words, words, passed=False)]
    before, after = run([one], name="a-1", **facts), run([two, failed], name="a-2", **facts)
    return page(of_two(before, after, METRICS, pipelines=(words, words), gates=gates))


def parsed(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(html)


def everything(tree: LexborHTMLParser) -> list[LexborNode]:
    assert tree.root is not None
    return [node for node in tree.root.traverse() if node.tag]


def assert_inert(html: str) -> None:
    for node in everything(parsed(html)):
        assert node.tag in TAGS, node.tag
        assert set(node.attributes) <= ATTRIBUTES, (node.tag, node.attributes)
        assert (node.attributes.get("href") or "#").startswith("#")


@pytest.mark.parametrize("words", NASTY)
def test_what_others_wrote_is_text_and_nothing_else(words: str) -> None:
    html = whole(words)
    assert_inert(html)
    said = parsed(html).css(".answer")
    assert [one.text() for one in said] == [words] * len(said)
    assert len(said) >= 4


@settings(max_examples=15)
@given(st.text(st.characters(exclude_characters="\r"), min_size=1, max_size=60))
def test_any_words_stay_the_same_words(words: str) -> None:
    html = whole(words)
    html.encode()
    assert_inert(html)
    unseen = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
    assert {one.text() for one in parsed(html).css(".case .answer")} <= {unseen.sub("\ufffd", words)}


def test_it_asks_nobody_for_anything() -> None:
    html = page(of_run(run(mixed(12, 0.5)), ALL))
    assert "default-src 'none'; style-src 'unsafe-inline'" in html
    assert html.startswith("<!doctype html>")
    for asking in ("url(", "@import", "<script", "<link", "<img", " src=", "https://"):
        assert asking not in html
    assert set(re.findall(r"http://[^\"' <]+", html)) == {"http://www.w3.org/2000/svg"}


def test_every_link_leads_somewhere() -> None:
    before, after = run(mixed(40, 0.5), name="a-1"), run(mixed(40, 0.8, seed=1), name="a-2")
    tree = parsed(page(of_two(before, after, METRICS, pipelines=("answer", "answer"))))
    links = {node.attributes["href"] for node in tree.css("a")}
    assert len(links) > 10
    ids = [node.attributes["id"] for node in tree.css("[id]")]
    assert len(ids) == len(set(ids))
    assert {f"#{one}" for one in ids} >= links


def test_a_run_shows_its_parts() -> None:
    failed = outcome(case(50), error="ModelTimeout: too slow", answer={}, rows={})
    raised = outcome(case(51), rows={"hit@5": (1.0,)}, missed={"contained": "ValueError: is odd"})
    finding = {
        "case": "q3",
        "field": "question",
        "place": "prompts/answer.prompty:7",
        "words": "eight words",
        "share": 0.4,
    }
    shown = of_run(
        run([*mixed(30, 0.6), failed, raised], contamination=[finding], notes=["The judge likes long answers."]),
        METRICS,
        gates=[sample_runs.Gate("answer", "contained at least 0.9", "0.6", passed=False)],
    )
    tree = parsed(page(shown))
    ids = {node.attributes["id"] for node in tree.css("section[id]")}
    assert ids == {"figures", "gates", "pictures", "tags", "wrong", "missed", "contamination", "notes", "cases"}
    text = tree.body.text() if tree.body else ""
    for words in ("ModelTimeout: too slow", "ValueError: is odd", "prompts/answer.prompty:7", "The judge likes long"):
        assert words in text
    assert "1 of 1 gate failed." in text
    assert len(tree.css(".case")) == 32
    assert next(one.text() for one in tree.css("#figures tbody th")).startswith("hit@5")


def test_two_runs_show_both_answers_of_what_flipped() -> None:
    before = run([outcome(case(1), right=False), outcome(case(2)), outcome(case(3))], name="a-1")
    after = run([outcome(case(1)), outcome(case(2), right=False), outcome(case(3))], name="a-2")
    tree = parsed(page(of_two(before, after, METRICS, pipelines=("answer", "answer"))))
    turned = [[side.text(strip=True) for side in one.css(".answer")] for one in tree.css(".turned")]
    assert turned == [
        ["Rule 1 says nothing [1].", "Rule 1 says 1 [1]."],
        ["Rule 2 says 2 [1].", "Rule 2 says nothing [1]."],
    ]
    assert "and nobody may change it" in (tree.css_first(".turned blockquote").text())


def test_a_run_without_any_answer_is_a_page() -> None:
    html = page(of_run(run([], ended=False, cases=3), METRICS))
    assert "There is no answer yet." in html
    assert_inert(html)


def test_a_suite_that_only_searches_is_a_page() -> None:
    one = outcome(case(1), rows={"hit@5": (1.0,)})
    only = replace(one, answer={"hits": one.answer["hits"]})
    tree = parsed(page(of_run(run([only]), METRICS)))
    assert [one.text() for one in tree.css(".case .state")] == ["right", "right"]
    assert "gets 1 of 1 question right by hit@5" in tree.css_first(".result").text()


def test_what_a_page_has_no_room_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "CASES", 20_000)
    tree = parsed(page(of_run(run(mixed(60, 0.5)), METRICS)))
    there = len(tree.css(".case"))
    assert 0 < there < 60
    assert f"{60 - there} cases more would make this page too large" in tree.css_first("#cases").text()


def test_a_thousand_long_cases_stay_below_ten_megabytes() -> None:
    words = "<b>Long words & short ones.</b> " * 60
    made = [
        replace(one, answer={**one.answer, "text": words * 3}) for one in mixed(1_000, 0.7, words=words) if one.answer
    ]
    each = [replace(one, pipeline=name) for name in ("answer", "short") for one in made]
    html = page(of_run(run(each), METRICS))
    assert len(html.encode()) < 10_000_000
    assert html.count('<details class="case">') > 300


def test_passages_shrink_as_answers_grow_many() -> None:
    few, some, many = (cases.Room.of(8_000_000, count) for count in (40, 1_000, 4_000))
    assert few.characters > some.characters > many.characters
    assert cases.Room.of(8_000_000, 0) == few
    assert cases.words("a" * 10, 4) == cases.Words("aaaa", 6)


def test_two_runs_without_a_case_in_common_are_refused() -> None:
    before, after = run([outcome(case(1))], name="a-1"), run([outcome(case(2))], name="a-2")
    with pytest.raises(UsageError, match="no case in common"):
        of_two(before, after, METRICS, pipelines=("answer", "answer"))
