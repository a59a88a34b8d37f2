from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.markdown import MarkdownParser
from ragstone.types import Parsed


def parsed(text: str, uri: str = "documents/soup-recipes.md") -> Parsed:
    return MarkdownParser().parse(text.encode(), uri=uri)


def sections(text: str) -> list[tuple[int, str, str]]:
    return [(span.level, span.label, text[span.start : span.end]) for span in parsed(text).spans]


def test_a_section_reaches_to_the_next_heading_that_is_not_deeper() -> None:
    text = "intro\n\n# A\na\n## B\nb\n### C\nc\n## D\nd\n# E\ne\n"
    assert sections(text) == [
        (1, "A", "# A\na\n## B\nb\n### C\nc\n## D\nd\n"),
        (2, "B", "## B\nb\n### C\nc\n"),
        (3, "C", "### C\nc\n"),
        (2, "D", "## D\nd\n"),
        (1, "E", "# E\ne\n"),
    ]


def test_underlined_headings_count() -> None:
    assert sections("Soups\n=====\n\nGood.\n\nFish\nsoup\n---\nBetter.\n") == [
        (1, "Soups", "Soups\n=====\n\nGood.\n\nFish\nsoup\n---\nBetter.\n"),
        (2, "Fish soup", "Fish\nsoup\n---\nBetter.\n"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "```\n# no\n```",
        "~~~ sh\n# no\n~~~",
        "    # no",
        "> # no",
        "- # no",
        "#no",
        "\\# no",
        "<!--\n# no\n-->",
        "# \n\nno",
    ],
)
def test_what_only_looks_like_a_heading_does_not_count(text: str) -> None:
    assert sections(f"word\n\n{text}\n") == []


@pytest.mark.parametrize(
    ("heading", "label"),
    [
        ("# The `ask` *command*", "The ask command"),
        ("# [Cod](cod.md) & chips ##", "Cod & chips"),
        ("# ![a cod](cod.png) swims", "a cod swims"),
        ("# One <b>two</b> &amp; three", "One two & three"),
        ("#   spaced \t out", "spaced out"),
    ],
)
def test_a_label_is_the_heading_without_markup(heading: str, label: str) -> None:
    assert [span.label for span in parsed(heading).spans] == [label]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_are_right_whatever_ends_a_line(end: str) -> None:
    text = f"word{end}{end}# A{end}a{end}## B{end}"
    assert [(span.label, span.start) for span in parsed(text).spans] == [
        ("A", text.index("# A")),
        ("B", text.index("## B")),
    ]


def test_the_text_is_the_file_front_matter_and_markup_and_all() -> None:
    text = "---\ntitle: Soups\ntags: [a]\n---\r\n# *Cod*\x0b\u2028 soup\n"
    assert parsed(text).text == text
    assert MarkdownParser().parse(b"\xef\xbb\xbf" + text.encode(), uri="a.md").text == text


def test_front_matter_is_no_heading() -> None:
    assert sections("---\ntitle: Soups\n---\n# A\n") == [(1, "A", "# A\n")]
    assert sections("---\r\ntitle: Soups\r\n...\r\nB\r\n-\r\n") == [(2, "B", "B\r\n-\r\n")]


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert sections("---\n\n# A\n\n---\n") == [(1, "A", "# A\n\n---\n")]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("## B\n# A\n# C", "A"),
        ("---\ntitle: Soups: a book\n---\n# A", "A"),
        ("---\nTitle: 'Soups'\n---\n## B", "Soups"),
        ('---\nid: 1\ntitle: "Soups"  \n---\nword', "Soups"),
        ("title: none\n\nword", "Soup recipes"),
        ("word", "Soup recipes"),
    ],
)
def test_the_title_is_the_first_heading_else_the_front_matter_else_the_file_name(text: str, title: str) -> None:
    assert parsed(text).title == title


@pytest.mark.parametrize("text", ["[" * 50_000, "> " * 5_000 + "a", "# " + "*a_ " * 50_000, "---\r\na: b\r\n" * 5_000])
def test_hostile_text_is_read(text: str) -> None:
    assert parsed(text).text == text


def test_a_blank_file_is_refused() -> None:
    with pytest.raises(ParseError, match=r"documents/soup-recipes\.md: is empty"):
        parsed("\n\n")


lines = st.lists(
    st.sampled_from(["# A", "## B", "### C", "A\n===", "B\n---", "```", "> # q", "- x", "", "word", "---", "\t# d"])
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8),
    min_size=1,
)


@given(lines, st.sampled_from(["\n", "\r\n", "\r"]))
def test_sections_nest_and_begin_at_their_headings(lines: list[str], end: str) -> None:
    text = "word\n" + end.join(lines)
    spans = parsed(text).spans
    for index, span in enumerate(spans):
        assert span.start < span.end <= len(text)
        assert span.start == 0 or text[span.start - 1] in "\r\n"
        for later in spans[index + 1 :]:
            inside = later.end <= span.end and later.level > span.level
            assert later.start >= span.end or inside
    for span, following in pairwise(spans):
        assert span.end >= following.start, "after the first heading every character lies in a section"


def test_a_table_of_pipes_is_marked() -> None:
    text = "# Fish\r\n\r\n| name | kg |\r\n|---|---|\r\n| Cod | 3 |\r\n\r\nIt swims.\n\n> | a | b |\n> |---|---|\n"
    found = MarkdownParser().parse(text.encode(), uri="a.md")
    tables = [found.text[span.start : span.end] for span in found.spans if span.kind == "table"]
    assert tables[0] == "| name | kg |\r\n|---|---|\r\n| Cod | 3 |"
    assert found.verbatim


def test_a_table_in_a_code_block_is_none() -> None:
    found = MarkdownParser().parse(b"```\n| a | b |\n|---|---|\n| 1 | 2 |\n```\n", uri="a.md")
    assert found.spans == ()
