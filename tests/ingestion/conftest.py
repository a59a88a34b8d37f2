"""A PDF file written by hand, so that tests know every byte of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

MakePdf = Callable[..., bytes]


def _file(objects: Sequence[bytes], trailer: bytes) -> bytes:
    made, offsets = b"%PDF-1.4\n", list[int]()
    for number, body in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % count
    tail = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (count, trailer, len(made))
    return made + head + table + tail


@pytest.fixture
def make_pdf() -> MakePdf:
    """Makes a file of pages, each of some lines. `outline` pairs titles with indices of pages; `title` is metadata."""

    def make(*pages: Sequence[str], outline: Sequence[tuple[str, int]] = (), title: str = "") -> bytes:
        first = 5  # after the catalog, the tree of pages, the font and the metadata
        objects: list[bytes] = []
        for index, lines in enumerate(pages):
            shown = b"".join(b"(%s) Tj T* " % line.encode("cp1252") for line in lines)
            stream = b"BT /F1 12 Tf 14 TL 72 700 Td %sET" % shown
            objects.append(
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
                % (first + 2 * index + 1)
            )
            objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        marks = first + len(objects)
        for index, (name, page) in enumerate(outline):
            following = b"/Next %d 0 R" % (marks + index + 2) if index + 1 < len(outline) else b""
            place = first + 2 * page
            objects.append(
                b"<</Title(%s)/Parent %d 0 R/Dest[%d 0 R/Fit]%s>>" % (name.encode(), marks, place, following)
            )
        outlines = b""
        if outline:
            objects.insert(
                marks - first, b"<</Type/Outlines/First %d 0 R/Last %d 0 R>>" % (marks + 1, marks + len(outline))
            )
            outlines = b"/Outlines %d 0 R" % marks
        kids = b" ".join(b"%d 0 R" % (first + 2 * index) for index in range(len(pages)))
        head = [
            b"<</Type/Catalog/Pages 2 0 R%s>>" % outlines,
            b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            b"<</Title(%s)>>" % title.encode(),
        ]
        return _file([*head, *objects], b"/Info 4 0 R")

    return make
