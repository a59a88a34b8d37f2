from __future__ import annotations

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.xml import FeedParser, XmlParser
from ragstone.types import Parsed


def parsed(source: str | bytes) -> Parsed:
    return XmlParser().parse(source if isinstance(source, bytes) else source.encode(), uri="a/fish.xml")


def feed(source: str) -> Parsed:
    return FeedParser().parse(source.encode(), uri="news.xml")


def test_the_text_of_each_element_is_a_line() -> None:
    found = parsed(
        "<?xml version='1.0'?><fish xmlns='urn:x'><!-- no --><title>Cod &amp; eel</title>"
        "<p>Cod <b>swims</b>\n fast.</p><kg>3</kg><port name='Kiel' open=''/></fish>"
    )
    assert found.text == "title: Cod & eel\nCod swims fast.\nkg: 3\nport: name=Kiel"
    assert (found.title, found.warnings, found.verbatim) == ("Cod & eel", (), False)


def test_entities_of_the_file_are_not_replaced_and_nothing_is_fetched() -> None:
    laughs = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    source = (
        f"<!DOCTYPE fish SYSTEM 'http://127.0.0.1:9/fish.dtd' [<!ENTITY l0 'ha'>{laughs}"
        "<!ENTITY own SYSTEM 'file:///etc/passwd'>]><fish><a>cod &own; &l9;</a></fish>"
    )
    found = parsed(source)
    assert "cod" in found.text
    assert "root:" not in found.text
    assert len(found.text) < 100


def test_damaged_xml_gives_what_is_left_of_it() -> None:
    found = parsed("<fish><a>cod</a><b>eel & hake</fish>")
    assert "cod" in found.text
    assert "eel" in found.text
    assert found.warnings[0].startswith("is damaged XML: ")


def test_the_declared_encoding_is_used() -> None:
    source = "<?xml version='1.0' encoding='koi8-r'?><a>Треска плавает</a>"
    assert "Треска плавает" in parsed(source.encode("koi8-r")).text
    assert "Треска плавает" in parsed(source.replace("koi8-r", "utf-16").encode("utf-16")).text
    assert "Треска плавает" in parsed(source.encode()).text


@pytest.mark.parametrize(
    ("source", "reason"), [("<a/>", "holds no text"), ("<!-- x -->", "is damaged XML"), ("", "is empty")]
)
def test_what_holds_no_text_is_refused(source: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parsed(source)


def test_deep_nesting_does_not_stop_the_reading() -> None:
    assert parsed("<r><x>cod</x>" + "<a>" * 5000 + "</r>").text.startswith("x: cod")


RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>Fish news</title><link>https://example.org</link><description>All of it</description>
<item><title>Cod &amp;amp; eel</title><link>https://example.org/1</link><pubDate>Mon, 01 Jul 2024</pubDate>
<description>short</description><content:encoded><![CDATA[<h2>Why</h2><p>It <b>swims</b>.</p>]]></content:encoded>
</item>
<item><title>Hake</title><description>Plain words</description></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Fish</title><entry><title>Cod</title>
<link rel="self" href="https://example.org/self"/><link href="https://example.org/1"/><updated>2024-07-01</updated>
<author><name>Anna</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>It <i>swims</i>.</p></div></content>
</entry></feed>"""


def test_each_item_of_a_feed_is_a_section() -> None:
    found = feed(RSS)
    assert found.text == (
        "Fish news\n\nAll of it\n\nCod & eel\n\nMon, 01 Jul 2024\nhttps://example.org/1\n\nWhy\n\nIt swims.\n\n"
        "Hake\n\nPlain words"
    )
    assert [(span.label, span.level) for span in found.spans] == [
        ("Fish news", 1),
        ("Cod & eel", 2),
        ("Why", 4),
        ("Hake", 2),
    ]
    assert (found.title, found.media_type) == ("Fish news", "application/rss+xml")


def test_so_is_each_entry_of_atom() -> None:
    found = feed(ATOM)
    assert found.text == "Fish\n\nCod\n\n2024-07-01 · Anna\nhttps://example.org/1\n\nIt swims."
    assert found.media_type == "application/atom+xml"


def test_an_empty_feed_is_refused() -> None:
    with pytest.raises(ParseError, match="holds no text"):
        feed("<rss><channel></channel></rss>")
