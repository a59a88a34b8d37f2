from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ragstone.types import Chunk, Hit, Span
from ragstone.validation.grounding.citing import cite

GUIDE = """# Chunking

A document is cut into chunks. A chunk holds
200 tokens by default. Neighbours overlap by two sentences.

## Size

Larger chunks answer broad questions, and smaller ones cite better."""
INDEX = "The **index** keeps `terms` of every chunk. BM25 ranks them. It was written in 2031."


def hit(text: str = GUIDE, *, start: int = 0, document: str = "guide", spans: tuple[Span, ...] = ()) -> Hit:
    chunk = Chunk(
        id=f"{document}-{start}",
        document_id=document,
        uri=f"{document}.md",
        title=document,
        text=text,
        start=start,
        end=start + len(text),
        line=5,
        spans=spans,
    )
    return Hit(chunk, 1, {})


def quotes(text: str, *hits: Hit) -> list[str]:
    return [citation.quote for citation in cite(text, hits)[1]]


def outcome(text: str, *hits: Hit) -> str:
    return cite(text, hits)[0]


def test_what_only_the_context_says_is_not_quoted() -> None:
    row = hit("cod | 3000 g", start=100)
    row = Hit(replace(row.chunk, context="name of the fish | its weight"), 1, {})
    citations = cite("The name of the fish is its weight [1].", [row])[1]
    assert [(citation.start, citation.quote) for citation in citations] == [(100, "cod | 3000 g")]


# ── Which words are quoted ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_sentence_that_stands_in_the_passage_is_quoted_exactly() -> None:
    text, citations, verdict = cite("Neighbours overlap by two sentences [1].", [hit(start=40)])
    assert text == "Neighbours overlap by two sentences [1]."
    assert [citation.quote for citation in citations] == ["Neighbours overlap by two sentences."]
    assert citations[0].start == 40 + GUIDE.index("Neighbours")
    assert (verdict.check, verdict.passed, verdict.reason) == ("citations", True, "")


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("A chunk holds 200 tokens by default [1].", "A chunk holds\n200 tokens by default."),  # a line break between
        (
            "a chunk holds 200 tokens [1], as a rule.",
            "A chunk holds\n200 tokens by default.",
        ),  # only its words are there
        ("- Larger chunks answer broad questions [1]", "Larger chunks answer broad questions"),  # a list item
        ('It says "larger chunks answer broad questions" [1].', "Larger chunks answer broad questions"),  # a quotation
        ("By default, 200 tokens are what a chunk holds [1].", "A chunk holds\n200 tokens by default."),  # other order
        ("Smaller [1].", "Larger chunks answer broad questions, and smaller ones cite better."),  # too short to quote
        (
            "In a chunk are 200 tokens; neighbours overlap by two [1].",
            "A chunk holds\n200 tokens by default. Neighbours overlap by two sentences.",
        ),
    ],
)
def test_the_words_that_support_a_claim_best_are_quoted(said: str, quote: str) -> None:
    assert quotes(said, hit()) == [quote]


def test_markup_hides_no_words() -> None:
    assert quotes("The index keeps terms of *every* chunk [1].", hit(INDEX)) == [
        "The **index** keeps `terms` of every chunk."
    ]
    assert quotes("“The index keeps terms” is what it says [1].", hit(INDEX)) == ["The **index** keeps `terms`"]


def test_a_word_is_no_part_of_another() -> None:
    passage = hit("A chunk holds tokens, they say. The chunk holds token by token.")
    assert quotes("the chunk holds token [1].", passage) == ["The chunk holds token"]


def test_chinese_needs_no_spaces_around_what_is_quoted() -> None:
    passage = hit("系统首先把每一个文档切分成许多小块，然后为每一块计算向量。检索时两者都会用到。")
    assert quotes("为每一块计算向量，检索[1]。", passage) == [
        "系统首先把每一个文档切分成许多小块，然后为每一块计算向量。"
    ]
    assert quotes("系统首先把每一个文档切分成许多小块[1]。", passage) == ["系统首先把每一个文档切分成许多小块"]


def test_a_claim_in_another_language_is_given_the_whole_passage() -> None:
    assert quotes("文档被切成小块[1]。", hit()) == [GUIDE]


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("BM25 ranks them. [1] It was written in 2031.", "BM25 ranks them."),  # after the full stop
        ("It was written in 2031.\n[1] BM25 ranks them.", "BM25 ranks them."),  # at the start of a line
        ("According to [1], BM25 ranks them.", "BM25 ranks them."),
        ("1. [1] BM25 ranks them.\n2. It was written in 2031.", "BM25 ranks them."),
    ],
)
def test_a_marker_belongs_to_the_sentence_that_carries_it(said: str, quote: str) -> None:
    assert quotes(said, hit(INDEX)) == [quote]


def test_a_citation_says_page_heading_and_line_of_its_quote() -> None:
    size = GUIDE.index("## Size")
    spans = (
        Span("page", 100, 100 + size, "3"),
        Span("page", 100 + size, 999, "4"),
        Span("heading", 100, 999, "Chunking", 1),
        Span("heading", 100 + size, 999, "Size", 2),
    )
    said = "Neighbours overlap by two sentences [1]. Smaller ones cite better [1]."
    first, second = cite(said, [hit(start=100, spans=spans)])[1]
    assert (first.page, first.heading, first.line) == (3, "Chunking", 8)
    assert (second.page, second.heading, second.line) == (4, "Chunking › Size", 12)
    assert cite(said, [hit()])[1][0].heading is None
    assert cite(said, [hit()])[1][0].page is None


# ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_citations_are_numbered_as_they_appear() -> None:
    text, citations, _ = cite(
        "BM25 ranks them [2]. Neighbours overlap by two sentences [1].", [hit(), hit(INDEX, document="index")]
    )
    assert text == "BM25 ranks them [1]. Neighbours overlap by two sentences [2]."
    assert [(citation.number, citation.uri) for citation in citations] == [(1, "index.md"), (2, "guide.md")]


@pytest.mark.parametrize("marker", ["[2, 1]", "[2,1]", "[2][1]", "[2] [1]", "[2; 01]", "[ 2 ] [ 1 ]", "[2, 1][2]"])
def test_several_passages_for_one_claim_are_several_markers(marker: str) -> None:
    text, citations, verdict = cite(f"Chunks are ranked{marker}.", [hit(), hit(INDEX, document="index")])
    assert text == "Chunks are ranked[1][2]."
    assert [citation.uri for citation in citations] == ["index.md", "guide.md"]
    assert verdict.passed


def test_the_same_words_have_one_number() -> None:
    overlapping = hit(GUIDE[GUIDE.index("A chunk") :], start=GUIDE.index("A chunk"))
    said = "Neighbours overlap by two sentences [1][2]. So: neighbours overlap by two sentences [2]."
    text, citations, _ = cite(said, [hit(), overlapping])
    assert text == "Neighbours overlap by two sentences [1]. So: neighbours overlap by two sentences [1]."
    assert [citation.chunk_id for citation in citations] == ["guide-0"]


def test_equal_words_of_two_documents_have_two_numbers() -> None:
    text, citations, _ = cite("BM25 ranks them [1][2].", [hit(INDEX), hit(INDEX, document="copy")])
    assert text == "BM25 ranks them [1][2]."
    assert [citation.uri for citation in citations] == ["guide.md", "copy.md"]


@pytest.mark.parametrize(
    ("said", "kept", "named"),
    [
        ("BM25 ranks them [7].", "BM25 ranks them.", "[7]"),
        ("BM25 ranks them [0] and [2].", "BM25 ranks them and.", "[0], [2]"),
        ("BM25 ranks them [1, 7].", "BM25 ranks them [1].", "[7]"),
        ("[7] BM25 ranks them [1].", "BM25 ranks them [1].", "[7]"),
        ("a\n[7] b [1]", "a\nb [1]", "[7]"),
        ("a [[7]1]", "a [1]", "[7]"),  # what is left is a marker as well
        ("a [99999999999999999999]", "a", "[99999999999999999999]"),
    ],
)
def test_a_marker_without_a_passage_is_taken_out_and_reported(said: str, kept: str, named: str) -> None:
    text, _, verdict = cite(said, [hit(INDEX)])
    assert text == kept
    assert not verdict.passed
    assert verdict.reason.startswith(f"the answer cites {named}, and there are 1 passages")


def test_an_answer_without_a_citation_fails() -> None:
    assert cite("BM25 ranks them.", [hit(INDEX)])[2].reason == "the answer cites no passage"
    assert not cite("", [])[2].passed
    assert (
        cite("BM25 [1].", [])[2].reason == "the answer cites [1], and there are 0 passages; the answer cites no passage"
    )


@pytest.mark.parametrize(
    "said",
    [
        "Use `rows[1]` here.",
        "Use ``a ` b[1]`` here.",
        "See [1](https://example.org).",
        "![1](chart.png)",
        "```python\nrows[1]\n```",
        "~~~\nrows[1]\n~~~\nend",
        "```\nrows[1] in a fence that is never closed",
        "[a], [1a], [^1], [ ], [1 2], [-1], [1.5]",
    ],
)
def test_what_only_looks_like_a_marker_is_left_alone(said: str) -> None:
    text, citations, verdict = cite(said, [hit()])
    assert (text, citations) == (said, ())
    assert verdict.reason == "the answer cites no passage"


@pytest.mark.parametrize(
    "said",
    [
        "`code` and BM25 ranks them [1].",
        "```\ncode\n```\nBM25 ranks them [1].",
        "A stray ` here.\n\nBM25 ranks them [1]. And ` there.",
    ],
)
def test_a_marker_beside_code_counts(said: str) -> None:
    assert outcome(said, hit(INDEX)) == said
    assert quotes(said, hit(INDEX)) == ["BM25 ranks them."]


# ── What holds for any answer ───────────────────────────────────────────────────────────────────────────────────────

words = st.text(alphabet="ab *_`[]#.\n。文é\u0130\u00a0-", max_size=60)
markers = st.sampled_from(["[1]", "[2]", "[3]", "[9]", "[1, 2]", "[2][3]", "[0]", "[1](x)", "`[1]`", "[1,[9]2]"])
answers = st.lists(words | markers, max_size=8).map("".join)


@given(answer=answers, texts=st.lists(words.filter(bool), max_size=3), start=st.integers(0, 50))
@example(answer="a [1]", texts=[" \n"], start=0)
@example(answer="``` [1]\n[2]", texts=["a", "b"], start=3)
def test_a_quote_is_always_what_the_document_says(answer: str, texts: list[str], start: int) -> None:
    document = "x" * start + "".join(texts)
    hits: list[Hit] = []
    at = start
    for text in texts:
        hits.append(hit(text, start=at, spans=(Span("page", 0, len(document), "1"),)))
        at += len(text)
    out, citations, verdict = cite(answer, hits)
    for citation in citations:
        chunk = next(each.chunk for each in hits if each.chunk.id == citation.chunk_id)
        assert citation.quote == document[citation.start : citation.end]
        assert citation.quote == chunk.text[citation.start - chunk.start : citation.end - chunk.start]
        assert citation.quote
        assert chunk.start <= citation.start < citation.end <= chunk.end
        assert citation.line == chunk.line_at(citation.start)
        assert citation.page == 1
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    assert len({(citation.start, citation.end) for citation in citations}) == len(citations)
    assert verdict.passed == (verdict.reason == "")
    if not verdict.passed:
        assert "cites" in verdict.reason
    numbered = cite(out, [hit()] * len(citations))[2]
    assert numbered.reason == ("" if citations else "the answer cites no passage")  # each number left has its citation
    for citation in citations:
        assert f"[{citation.number}]" in out


@given(answer=answers)
def test_an_answer_keeps_its_words(answer: str) -> None:
    out = cite(answer, [hit(), hit(INDEX, document="index"), hit("a b", document="c")])[0]

    def letters(text: str) -> str:
        return re.sub(r"[\[\]\d,; \t]", "", text)

    assert letters(out) == letters(answer)


# ── However many brackets there are ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("depth", [1, 7, 8, 9, 30])
def test_unknown_markers_around_each_other_all_go_and_a_link_stays(depth: int) -> None:
    said, citations, verdict = cite("It holds [1]" + " x" + "[" * depth + "9]" * depth + "(a).", [hit()])
    assert (said, len(citations), verdict.passed) == ("It holds [1] x[9](a).", 1, depth == 1)
    assert cite("BM25 [1]\n" + "[ " * depth + "9 ] \t" * depth + "x", [hit()])[0] == "BM25 [1]\nx"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000 + "9]" * 200_000,
        "[1, " * 200_000 + "[9]" + "]" * 200_000,
        "`x` [9]\n" * 100_000,
        "`x` [1]\n" * 100_000,
        "word [1] " * 100_000,
        ".[1]" * 100_000,
        "\n[1]" * 100_000,
        "`[9]``" * 100_000,
        "".join("`" * ticks + "x " for ticks in range(1, 2_000)) + "[1]",
    ],
)
def test_a_long_answer_is_read_a_few_times(text: str) -> None:
    cite(text, [hit("BM25 ranks them.")])  # with the square of it, this test would never end
