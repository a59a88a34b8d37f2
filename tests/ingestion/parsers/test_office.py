"""Office formats, each from a file that the test makes."""

from __future__ import annotations

import datetime
import io
import zipfile
from typing import Any

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.docx import DocxParser
from ragstone.ingestion.parsers.epub import EpubParser
from ragstone.ingestion.parsers.legacy import EncryptedParser, LegacyParser
from ragstone.ingestion.parsers.odt import OdtParser
from ragstone.ingestion.parsers.packed import opened, safe_name
from ragstone.ingestion.parsers.pptx import PptxParser
from ragstone.ingestion.parsers.rtf import RtfParser
from ragstone.ingestion.parsers.sheets import SheetsParser
from ragstone.types import Parsed


def saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def packed(**members: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return target.getvalue()


def labels(parsed: Parsed, kind: str) -> list[tuple[str, str]]:
    return [(span.label, parsed.text[span.start : span.end]) for span in parsed.spans if span.kind == kind]


def test_a_word_document_keeps_headings_lists_and_tables_in_their_order():
    from docx import Document

    document: Any = Document()
    document.core_properties.title = "Fish of the north"
    document.add_heading("Fish", 1)
    document.add_paragraph("Cod swims.")
    document.add_paragraph("salt", style="List Bullet")
    table = document.add_table(2, 2)
    for at, words in enumerate(["name", "kg", "Cod", "3\n4"]):
        table.cell(at // 2, at % 2).text = words
    document.add_heading("Trade", 2)
    document.add_paragraph("Cod is sold.")
    document.sections[0].header.paragraphs[0].text = "Confidential"
    parsed = DocxParser().parse(saved(document), uri="a.docx")
    assert parsed.title == "Fish of the north"
    assert parsed.text.startswith("Confidential\n\nFish\n\nCod swims.")
    assert "\n\n- salt\n\n" in parsed.text
    assert labels(parsed, "table") == [("", "name | kg\nCod | 3 4")]
    assert [label for label, _ in labels(parsed, "heading")] == ["Fish", "Trade"]
    assert labels(parsed, "heading")[0][1].endswith("Cod is sold.")


def test_a_presentation_has_a_span_for_each_slide_its_notes_and_tables():
    from pptx import Presentation
    from pptx.util import Inches

    deck: Any = Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number}"
        box = slide.shapes.add_textbox(Inches(1), Inches(3), Inches(2), Inches(1))
        box.text_frame.text = f"words {number}"
    slide.notes_slide.notes_text_frame.text = "said aloud"
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    for at, words in enumerate(["a", "b", "1", "2"]):
        table.cell(at // 2, at % 2).text = words
    parsed = PptxParser().parse(saved(deck), uri="a.pptx")
    assert labels(parsed, "slide") == [
        ("1", "Slide 1\n\nwords 1"),
        ("2", "Slide 2\n\nwords 2\n\na | b\n1 | 2\n\nsaid aloud"),
    ]


def test_a_presentation_without_words_is_no_empty_success():
    from pptx import Presentation

    deck: Any = Presentation()
    deck.slides.add_slide(deck.slide_layouts[6])
    with pytest.raises(ParseError, match="holds no text"):
        PptxParser().parse(saved(deck), uri="a.pptx")


def test_a_workbook_has_sheets_rows_with_their_numbers_and_values_as_people_read_them():
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="2"><c r="B2" t="inlineStr"><is><t>name</t></is></c>'
        '<c r="D2" t="inlineStr"><is><t>kg</t></is></c></row>'
        '<row r="4"><c r="B4" t="inlineStr"><is><t>Cod</t></is></c><c r="D4"><v>3</v></c></row>'
        "</sheetData></worksheet>"
    )
    main = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    data = packed(
        **{
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{main}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
            f'xmlns:r="{main}"><sheets><sheet name="Fish" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{main}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": sheet,
        }
    )
    parsed = SheetsParser().parse(data, uri="fish.xlsx")
    assert parsed.text == "Fish\n\nname | kg\nCod | 3"
    assert labels(parsed, "sheet") == [("Fish", parsed.text)]
    assert labels(parsed, "row") == [("2", "name | kg"), ("4", "Cod | 3")]
    assert labels(parsed, "table") == [("Fish", "name | kg\nCod | 3")]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (3.0, "3"),
        (0.1 + 0.2, "0.3"),
        (True, "TRUE"),
        (datetime.datetime(2024, 5, 1), "2024-05-01"),
        (datetime.datetime(2024, 5, 1, 12, 30), "2024-05-01 12:30:00"),
        (datetime.time(8, 15), "08:15:00"),
    ],
)
def test_a_cell_is_shown_as_people_read_it(value: object, shown: str):
    from ragstone.ingestion.parsers.sheets import _shown

    assert _shown(value) == shown


def test_an_open_document_keeps_its_outline_and_tables():
    from odfdo import Document, Header, Paragraph, Table

    document: Any = Document("text")
    document.body.clear()
    document.body.append(Header(1, "Fish"))
    document.body.append(Paragraph("Cod swims."))
    table: Any = Table("t", width=2, height=2)
    table.set_values([["name", "kg"], ["Cod", 3]])
    document.body.append(table)
    parsed = OdtParser().parse(saved(document), uri="a.odt")
    assert parsed.text.startswith("Fish\n\nCod swims.\n\nname | kg\nCod | 3")
    assert [label for label, _ in labels(parsed, "heading")] == ["Fish"]


def epub(**pages: str) -> bytes:
    items = "".join(f'<item id="{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in pages)
    spine = "".join(f'<itemref idref="{name}"/>' for name in pages)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>The Book</dc:title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    members = {f"OEBPS/{name}.xhtml": text for name, text in pages.items()}
    return packed(**{"META-INF/container.xml": container, "OEBPS/book.opf": package, **members})


def test_a_book_is_read_in_its_own_order():
    parsed = EpubParser().parse(epub(z="<h1>First</h1><p>One.", a="<h1>Second</h1><p>Two."), uri="a.epub")
    assert (parsed.title, parsed.text) == ("The Book", "First\n\nOne.\n\nSecond\n\nTwo.")
    assert labels(parsed, "heading") == [("First", "First\n\nOne.\n\n"), ("Second", "Second\n\nTwo.")]


def test_rtf_gives_its_words():
    parsed = RtfParser().parse(rb"{\rtf1\ansi{\info{\title Fish}}Gr\'f6\'dfe\par\par Cod\par}", uri="a.rtf")
    assert (parsed.title, parsed.text) == ("Fish", "Größe\n\nCod")


def test_without_libreoffice_an_old_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ParseError, match="apt install libreoffice-writer-nogui"):
        LegacyParser().parse(b"\xd0\xcf\x11\xe0" + "WordDocument".encode("utf-16-le"), uri="a.doc")


def test_a_file_with_a_password_says_so():
    with pytest.raises(ParseError, match=r"a\.xlsx: is encrypted"):
        EncryptedParser().parse(b"", uri="a.xlsx")


@pytest.mark.parametrize("parser", [DocxParser(), PptxParser(), SheetsParser(), OdtParser(), EpubParser()])
def test_a_damaged_file_is_one_clear_error(parser: Any):
    with pytest.raises(ParseError, match=r"^a\.x: is (?:a )?damaged"):
        parser.parse(packed(x="y")[:60], uri="a.x")


def test_a_bomb_is_refused_before_it_unpacks():
    with pytest.raises(ParseError, match="ZIP bomb"):
        opened(packed(bomb="0" * 30_000_000), uri="a.zip")


def test_a_workbook_that_is_a_bomb_is_refused():
    with pytest.raises(ParseError, match="ZIP bomb"):
        SheetsParser().parse(packed(bomb="0" * 30_000_000), uri="a.xlsx")


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x", "a/../../x", "..\\x", ""])
def test_a_members_name_leads_nowhere_else(name: str):
    assert not {"", ".."} & set(safe_name(name).split("/"))
