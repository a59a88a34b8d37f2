"""Programs of the machine that read what no library does: LibreOffice and tesseract, real ones."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ragstone.connectors.tesseract import Tesseract
from ragstone.errors import ParseError
from ragstone.ingestion.workers import Workers
from servers import missing

pytestmark = pytest.mark.servers


@pytest.fixture
def office() -> str:
    return shutil.which("soffice") or missing("LibreOffice", "Debian: apt install libreoffice-writer-nogui")


@pytest.fixture
def tesseract() -> str:
    return shutil.which("tesseract") or missing("tesseract", "Debian: apt install tesseract-ocr")


def old(office: str, document: Any, name: str, suffix: str, folder: Path) -> bytes:
    """The same document in an old format, which only LibreOffice writes."""
    document.save(str(folder / name))
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    subprocess.run(
        [office, profile, "--headless", "--convert-to", suffix, "--outdir", str(folder), str(folder / name)],
        check=True,
        capture_output=True,
    )
    return (folder / name).with_suffix(f".{suffix}").read_bytes()


def test_old_word_and_powerpoint_files_are_read_in_a_worker(office: str, tmp_path: Path):
    from docx import Document
    from pptx import Presentation

    document: Any = Document()
    document.add_heading("Fish", 1)
    document.add_paragraph("Cod swims.")
    deck: Any = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Eel on a slide"
    word = old(office, document, "a.docx", "doc", tmp_path)
    slides = old(office, deck, "b.pptx", "ppt", tmp_path)
    (read,) = Workers().read(word, "a.doc")
    assert read.parsed is not None
    assert (read.parsed.media_type, read.parsed.text) == ("application/msword", "Fish\n\nCod swims.")
    assert [span.label for span in read.parsed.spans] == ["Fish"]
    (read,) = Workers().read(slides, "b.ppt")
    assert read.parsed is not None
    assert read.parsed.media_type == "application/vnd.ms-powerpoint"
    assert "Eel on a slide" in read.parsed.text


def picture(words: str) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (900, 160), "white")
    ImageDraw.Draw(image).text((40, 40), words, fill="black", font=ImageFont.load_default(60))
    with io.BytesIO() as target:
        image.save(target, "PNG")
        return target.getvalue()


def test_the_words_of_images_and_scans_are_read(tesseract: str, tmp_path: Path):
    from fpdf import FPDF

    image = picture("Halibut ships in 2031")
    settings = {"ocr": {"type": "tesseract", "languages": ["eng"]}}
    workers = Workers({"image": settings, "pdf": settings})
    (read,) = workers.read(image, "a.png")
    assert read.parsed is not None
    assert read.parsed.text == "Halibut ships in 2031"
    made = FPDF()
    made.add_page()
    made.image(io.BytesIO(image), w=150)
    (read,) = workers.read(bytes(made.output()), "a.pdf")
    assert read.parsed is not None
    assert read.parsed.text == "Halibut ships in 2031"
    assert read.parsed.warnings == ("the words of page 1 were read by OCR",)


def test_a_language_that_is_not_installed_is_said(tesseract: str):
    with pytest.raises(ParseError, match=r"tesseract cannot read it: .*xyz"):
        Tesseract(languages=["xyz"]).read(picture("x"))
