"""Real files from elsewhere, read in place: RAGSTONE_DATA, or the folder beside the project."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parse import parse
from ragstone.ingestion.parsers.eml import EmlParser
from ragstone.ingestion.parsers.msg import MsgParser
from ragstone.ingestion.parsers.zip import ZipParser
from ragstone.ingestion.workers import Here
from ragstone.types import Context, Document, Item

DATA = Path(os.environ.get("RAGSTONE_DATA", Path(__file__).parents[4] / "shared/data")) / "documents"
OURS = (
    *(".pdf", ".html", ".md", ".txt", ".csv", ".eml", ".msg", ".org", ".rst", ".zip"),
    *(".docx", ".pptx", ".xlsx", ".xls", ".odt", ".epub", ".rtf", ".jpg", ".jpeg"),
)

LONG = ("pp__GeoTopo-komprimiert.pdf", "un__failure-after-repair.pdf")
REFUSED = {"password": "is encrypted", "no_text_layer": "has no text layer", "empty": "is empty|holds no text"}


def records() -> list[dict[str, Any]]:
    listing = DATA / "documents.jsonl"
    if not listing.exists():
        return []
    found = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()]
    return [record for record in found if record["file"].endswith(OURS)]


def cases() -> list[Any]:
    """The records; those of long files apart, so that the fast tests stay fast."""
    slow = {True: pytest.mark.slow, False: ()}
    files = [(record, (DATA / record["file"])) for record in records()]
    return [pytest.param(record, id=file.name, marks=slow[file.name in LONG]) for record, file in files]


async def parsed(record: dict[str, Any]) -> Document:
    item = Item(uri=record["file"], version="1", size=0, read=(DATA / record["file"]).read_bytes)
    family = await parse(item, source="real", tenant="default", workers=Here(), context=Context())
    return family.document


needs_data = pytest.mark.skipif(not records(), reason="RAGSTONE_DATA is not there")


@needs_data
@pytest.mark.parametrize("record", cases())
async def test_a_real_file_gives_its_words_or_says_why_not(record: dict[str, Any]) -> None:
    if record["expect"] in REFUSED:
        with pytest.raises(ParseError, match=REFUSED[record["expect"]]):
            await parsed(record)
        return
    text = (await parsed(record)).text
    words = record["ref_words"]
    text = " ".join(text.split())
    # The reference counts the words of menus, which we leave out: of one page they are a quarter.
    least = 0.75 if "boilerplate" in record["tags"] else 0.9
    assert sum(word in text for word in words) >= least * len(words)


@needs_data
@pytest.mark.parametrize(
    ("name", "start"), [("mk__test_mskanji.csv", "名前,年齢,住所"), ("un__umlauts-non-utf8.md", "## können")]
)
async def test_the_encoding_of_a_short_file_is_guessed(name: str, start: str) -> None:
    found = await parsed({"file": f"files/{name}"})
    assert found.text.startswith(start)
    assert found.warnings[0].startswith("decoded as")


@needs_data
@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("un__simple.zip", ["ideas-page.html", "stanley-cups.csv"]),
        ("un__fake-email-attachment.eml", ["fake-attachment.txt"]),
        ("un__fake-email-attachment.msg", ["fake-attachment.txt"]),
    ],
)
def test_what_lies_inside_a_real_file_is_found(name: str, inside: list[str]) -> None:
    data = (DATA / "files" / name).read_bytes()
    parser = {"zip": ZipParser, "eml": EmlParser, "msg": MsgParser}[name.rpartition(".")[2]]()
    assert [child.name for child in parser.parse(data, uri=name).children] == inside
