from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import pdf as module
from ragstone.ingestion.parsers.image import NO_OCR
from ragstone.ingestion.parsers.pdf import PdfParser
from ragstone.ingestion.parsers.pdf_lines import without_running_lines
from ragstone.protocols import Ocr as OcrProtocol
from ragstone.types import Parsed

MakePdf = Callable[..., bytes]


def parsed(data: bytes, uri: str = "documents/fish-soup.pdf") -> Parsed:
    return PdfParser().parse(data, uri=uri)


def spans(found: Parsed, kind: str) -> list[tuple[str, str]]:
    return [(span.label, found.text[span.start : span.end]) for span in found.spans if span.kind == kind]


def test_pages_are_joined_and_each_has_its_span(make_pdf: MakePdf) -> None:
    found = parsed(make_pdf(["Cod swims.", "It is big."], ["Eel, too."]))
    assert found.text == "Cod swims.\nIt is big.\n\nEel, too."
    assert spans(found, "page") == [("1", "Cod swims.\nIt is big.\n\n"), ("2", "Eel, too.")]
    assert found.warnings == ()


def test_pages_without_text_are_named(make_pdf: MakePdf) -> None:
    found = parsed(make_pdf(["One"], [], [], ["Four"], []))
    assert spans(found, "page") == [("1", "One\n\n"), ("4", "Four")]
    assert found.warnings == ("no text on pages 2–3, 5",)


def test_a_file_without_any_text_is_refused(make_pdf: MakePdf) -> None:
    with pytest.raises(ParseError) as caught:
        parsed(make_pdf([], []))
    assert str(caught.value) == (
        "documents/fish-soup.pdf: has no text layer (2 pages): it is scanned or holds only images. " + NO_OCR
    )


def test_an_encrypted_file_is_refused(make_pdf: MakePdf) -> None:
    locked = make_pdf(["Cod"]).replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>" % (b"00" * 32, b"11" * 32),
    )
    with pytest.raises(ParseError, match="is encrypted: it opens only with its password"):
        parsed(locked)


@pytest.mark.parametrize("keep", [5, 60, 300])
def test_a_damaged_file_is_refused(make_pdf: MakePdf, keep: int) -> None:
    with pytest.raises(ParseError, match="is damaged: it cannot be opened as a PDF"):
        parsed(make_pdf(["Cod"])[:keep])


@pytest.mark.parametrize(
    ("named", "title"),
    [
        ("Fish and chips", "Fish and chips"),
        ("", "Fish soup"),
        ("Microsoft Word - x.doc", "Fish soup"),
        ("a.tex", "Fish soup"),
    ],
)
def test_the_title_is_the_metadata_s_unless_a_program_made_it(make_pdf: MakePdf, named: str, title: str) -> None:
    assert parsed(make_pdf(["Cod"], title=named)).title == title


def test_a_section_begins_where_its_bookmark_s_title_stands(make_pdf: MakePdf) -> None:
    data = make_pdf(
        ["Preface", "1 Cod and", "eel", "It swims.", "Tuna"],
        ["It is big.", "Tuna"],
        outline=[("Cod and eel", 0), ("Tuna", 1)],
    )
    assert spans(parsed(data), "heading") == [
        ("Cod and eel", "1 Cod and\neel\nIt swims.\nTuna\n\nIt is big.\n"),
        ("Tuna", "Tuna"),
    ]


def test_a_bookmark_that_does_not_stand_on_its_page_only_ends_the_section_before(make_pdf: MakePdf) -> None:
    data = make_pdf(["Cod", "swims."], ["Eels swim."], ["Tuna"], outline=[("Cod", 0), ("Other fish", 1), ("Tuna", 2)])
    assert spans(parsed(data), "heading") == [("Cod", "Cod\nswims.\n\n"), ("Tuna", "Tuna")]


def test_words_that_a_line_broke_are_joined() -> None:
    pages = ["We pass-port multi-task it.", "A pass\ufffeage of multi\ufffetask, Schwarz\ufffeWeiß, end\ufffe"]
    assert module._rejoined(pages)[1] == "A passage of multi-task, Schwarz-Weiß, end-"


def test_odd_characters_are_put_right() -> None:
    assert "e\ufb03cient\x02 co\u00adope\tra\r".translate(module._CLEAN) == "efficient coope\tra"


def test_a_text_that_is_too_long_is_refused(make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragstone.ingestion.parsers.MAX_CHARACTERS", 10)
    with pytest.raises(ParseError, match="its text is too long: expected at most 10 characters"):
        parsed(make_pdf(["Cod swims"], ["Eel"]))


def test_files_may_be_parsed_in_several_threads_at_once(make_pdf: MakePdf) -> None:
    files = [make_pdf([f"Cod {number}"] * 40, [f"Eel {number}"] * 40) for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        texts = [found.text for found in threads.map(parsed, files)]
    assert texts == ["\n".join([f"Cod {n}"] * 40) + "\n\n" + "\n".join([f"Eel {n}"] * 40) for n in range(40)]


def test_running_titles_are_dropped_and_can_be_kept(make_pdf: MakePdf) -> None:
    pages = [[f"Annual report {n}", f"Words of page {'abcdef'[n]}.", f"{n} / 6"] for n in range(6)]
    text = parsed(make_pdf(*pages)).text
    assert text.count("Annual report") == 1
    assert "/ 6" not in text
    assert all(f"Words of page {letter}." in text for letter in "abcdef")
    kept = PdfParser(repeated_lines="keep").parse(make_pdf(*pages), uri="a.pdf").text
    assert kept.count("Annual report") == 6


def test_a_page_that_is_all_running_lines_is_kept() -> None:
    assert without_running_lines(["Title\nPage 1"] * 4) == ["Title\nPage 1"] * 4
    assert without_running_lines(["Title\nwords"] * 3) == ["Title\nwords"] * 3


def test_a_ruled_table_is_read_row_by_row() -> None:
    from fpdf import FPDF

    made = FPDF()
    made.add_page()
    made.set_font("Helvetica", size=12)
    made.cell(text="Before the table.", new_x="LMARGIN", new_y="NEXT")
    with made.table() as table:
        for row in (("name", "kg"), ("Cod", "3"), ("Eel", "12")):
            table.row(row)
    made.cell(text="After the table.")
    found = PdfParser().parse(bytes(made.output()), uri="a.pdf")
    assert found.text == "Before the table.\n\nname | kg\nCod | 3\nEel | 12\n\nAfter the table."
    (span,) = [span for span in found.spans if span.kind == "table"]
    assert found.text[span.start : span.end] == "name | kg\nCod | 3\nEel | 12"
    assert "|" not in PdfParser(tables=False).parse(bytes(made.output()), uri="a.pdf").text


def test_an_encrypted_file_opens_with_its_password() -> None:
    from fpdf import FPDF

    made = FPDF()
    made.set_encryption(owner_password="o", user_password="u")
    made.add_page()
    made.set_font("Helvetica", size=12)
    made.cell(text="secret words")
    with pytest.raises(ParseError, match="is encrypted"):
        PdfParser().parse(bytes(made.output()), uri="a.pdf")
    assert PdfParser(password="u").parse(bytes(made.output()), uri="a.pdf").text == "secret words"


class Ocr(OcrProtocol):
    """Reads the same words on every page."""

    fingerprint = "ocr-1"

    def read(self, image: bytes) -> str:
        assert image.startswith(b"\x89PNG")
        return "words on a scan"


def test_pages_without_text_are_read_by_ocr(make_pdf: MakePdf) -> None:
    found = PdfParser(ocr=Ocr()).parse(make_pdf(["one"], [], ["three"]), uri="a.pdf")
    assert found.text == "one\n\nwords on a scan\n\nthree"
    assert found.warnings == ("the words of page 2 were read by OCR",)
