from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.html import HtmlParser
from ragstone.types import Parsed


def parsed(html: str | bytes, uri: str = "documents/fish-soup.html") -> Parsed:
    return HtmlParser().parse(html.encode() if isinstance(html, str) else html, uri=uri)


def text(html: str) -> str:
    return parsed(html).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("One<br>two<br><br>three", "One\ntwo\n\nthree"),
        ("<p>a <b>b</b>c<i> d</i>\n e</p>", "a bc d e"),
        ("<span>a</span><span>b</span> <span>c</span>", "ab c"),
        ("Cod&nbsp;&amp; chips &lt;3 &#8364;", "Cod & chips <3 €"),
        ("Donau&shy;dampf&#8203;schiff", "Donaudampfschiff"),
        ("<ul><li>One</li><li><p>Two</p></li><li></li></ul>after", "- One\n- Two\n\nafter"),
        ("<ol><li>One<ul><li>Deep</li></ul></li></ol>", "- One\n\n- Deep"),
        ("<dl><dt>Cod</dt><dd>A fish</dd></dl>", "Cod\nA fish"),
        ("a<pre>\n  x\n\n    y  \n</pre>b", "a\n\n  x\n\n    y  \n\nb"),
        ("<pre><span>a</span>\n<span>b</span></pre>", "a\nb"),
    ],
)
def test_blocks_are_put_on_lines_and_words_in_them_joined(html: str, expected: str) -> None:
    assert text(html) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("<tr><th>Fish<th>kg<tr><td>Cod<td>3", "Fish | kg\nCod | 3"),
        ("<tr><td><p>Big</p><p>cod</p></td><td>3<br>kg</td>", "Big cod | 3 kg"),
        ("<caption>Catch</caption><tr><td>Cod<td>3", "Catch\nCod | 3"),
        ("<tr><td>a<td><td>b<tr><td><td><td>c", "a | b\n| c"),
        ("<tr><td>a<td><td>b<td><tr><td>c<td>d<td><td>", "a |  | b\nc | d |"),
        ("<tr><td>a<td><td>b<tr><td colspan=2>sum", "a | b\nsum"),
        ("<tr><td><table><tr><td>a<td>b</table><td>right", "a | b\n\nright"),
        ("<tr><td><h2>Menu</h2>soup<td>right", "Menu\n\nsoup\nright"),
    ],
)
def test_a_table_has_a_line_for_each_row(rows: str, expected: str) -> None:
    assert text(f"<table>{rows}</table>") == expected


@pytest.mark.parametrize(
    "furniture",
    [
        "<script>x</script>",
        "<style>x</style>",
        "<noscript>x</noscript>",
        "<template>x</template>",
        "<svg><text>x</text></svg>",
        "<nav>x</nav>",
        "<header>x</header>",
        "<footer>x</footer>",
        "<aside>x</aside>",
        "<button>x</button>",
        "<p hidden>x</p>",
        "<p style='color: red; display : none'>x</p>",
        "<!-- x -->",
    ],
)
def test_what_no_reader_looks_for_is_left_out(furniture: str) -> None:
    assert text(f"<p>Cod</p>{furniture}<p>swims.</p>") == "Cod\n\nswims."


def test_the_main_part_is_taken_where_it_holds_most_of_the_text() -> None:
    page = "<div>Share this page</div><main><header><h1>Cod</h1></header>It swims far. <aside>Note.</aside></main>"
    assert text(page) == "Cod\n\nIt swims far.\nNote."


def test_a_main_part_that_holds_little_is_not_all_that_is_taken() -> None:
    assert text("<article>Cod</article><div>swims in the northern seas.</div>") == "Cod\nswims in the northern seas."


def test_where_all_is_furniture_it_is_taken() -> None:
    assert text("<header><h1>Cod</h1></header><nav>Fish</nav>") == "Cod\n\nFish"


def test_sections_are_ranges_of_the_text() -> None:
    found = parsed("<p>intro<h1>A <em>b</em></h1><p>a<ul><li><h2>B<br>c</h2>x</ul><h3></h3><h1>D</h1>d")
    spans = [(span.level, span.label, found.text[span.start : span.end]) for span in found.spans]
    assert spans == [
        (1, "A b", "A b\n\na\n\n- B\nc\n\nx\n\n"),
        (2, "B c", "- B\nc\n\nx\n\n"),
        (1, "D", "D\n\nd"),
    ]


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title> Fish\n &amp; chips </title><h1>Cod</h1>", "Fish & chips"),
        ("<h2>Sub</h2><h1>Cod</h1>", "Cod"),
        ("<svg><title>Icon</title></svg><p>Cod", "Fish soup"),
    ],
)
def test_the_title_is_the_page_s_else_its_heading_s_else_the_file_s(html: str, title: str) -> None:
    assert parsed(html).title == title


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("<meta charset=koi8-r>", "koi8-r"),
        ("<meta http-equiv='Content-Type' content='text/html; charset=Shift_JIS'>", "shift_jis"),
        ("<?xml version='1.0' encoding='iso-8859-2'?>", "iso-8859-2"),
        ("<meta charset='ISO-8859-1'>", "cp1252"),
        ("<meta charset=utf-8>", "utf-8"),
        ("<meta charset=utf-8>", "utf-16"),
    ],
)
def test_the_encoding_is_that_of_the_mark_or_the_declaration(head: str, encoding: str) -> None:
    word = {"koi8-r": "треска", "shift_jis": "鱈", "iso-8859-2": "łosoś", "cp1252": "Köder “5 €”"}.get(encoding, "鱈 €")
    found = parsed(f"{head}<p>{word}".encode(encoding))
    assert (found.text, found.warnings) == (word, ())


def test_a_wrong_or_unknown_charset_falls_back() -> None:
    assert parsed(b"<meta charset=rot13><p>K\xf6der").warnings == ("decoded as cp1252: not valid UTF-8",)
    assert text("<meta charset=big5><p>5 €") == "5 €"


@pytest.mark.parametrize("html", ["<p></p>", "<script>x</script>", "<title>Cod</title>"])
def test_a_page_without_words_is_refused(html: str) -> None:
    with pytest.raises(ParseError, match=r"documents/fish-soup\.html: holds no text"):
        parsed(html)


@pytest.mark.parametrize("unit", ["<b>", "<span>", "<div>", "<ul><li>", "<table><tr><td>", "<blockquote><p>"])
def test_deep_nesting_is_read(unit: str) -> None:
    assert text(unit * 3_000 + "cod").strip("- \n") == "cod"


@pytest.mark.parametrize(
    "html", ["<div>" * 400_000, "<div></span>" * 400_000, "<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">"]
)
def test_what_would_take_minutes_is_refused(html: str) -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        parsed(html + "cod")


TAGS = "p div b h1 h2 ul li table tr td pre br span header nav a script"
tags = st.sampled_from(TAGS.split())
inner = st.recursive(
    st.text("ab \n<&;é", max_size=6),
    lambda parts: st.tuples(tags, st.lists(parts, max_size=3)).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"
    ),
)


@given(st.lists(inner, min_size=1, max_size=8).map("".join))
def test_any_page_gives_tidy_text_with_headings_at_their_places(html: str) -> None:
    found = parsed("cod" + html)
    assert found.text.startswith("cod")
    assert "\t" not in found.text
    for span in found.spans:
        words = " ".join(found.text[span.start : span.end].split()).removeprefix("- ")
        assert words.startswith(span.label)


def test_a_table_of_facts_is_marked_and_one_that_places_words_is_not() -> None:
    page = b"<p>It swims.<table><tr><th>fish<th>kg<tr><td>cod<td>3</table><table><tr><td>alone</table>"
    found = HtmlParser().parse(page, uri="a.html")
    assert [(span.kind, found.text[span.start : span.end]) for span in found.spans] == [("table", "fish | kg\ncod | 3")]
