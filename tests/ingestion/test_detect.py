from __future__ import annotations

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.ingestion.detect import LOOKS, detect, kind

OFFICE = "application/vnd.openxmlformats-officedocument."
MAIL = b"From: anna@example.org\nTo: ben@example.org\nSubject: Cod\n\nIt swims.\n"
TABLE = b"fish,kg,port\ncod,3,Bergen\neel,4,Kiel\n"


@pytest.mark.parametrize(
    ("data", "uri", "media_type"),
    [
        (b"%PDF-1.7\n", "a.txt", "application/pdf"),
        (b"\n %PDF-1.7\n", "a", "application/pdf"),
        (b"junk\0\xff\n%PDF-1.7\n", "a.pdf", "application/pdf"),
        (b"A PDF begins with %PDF-1.7.", "a.md", "text/markdown"),
        (b"# Cod", "a.md", "text/markdown"),
        (b"# Cod", "a.MARKDOWN", "text/markdown"),
        (b"# Cod", "a.txt", "text/plain"),
        (b"cod", "a.pdf", "text/plain"),
        (b"<p align=center>\n# Cod", "a.md", "text/markdown"),
        (b"<!DOCTYPE html><p>", "a.md", "text/html"),
        (b"\xef\xbb\xbf <!-- x --> <HTML lang=en>", "a", "text/html"),
        ("<html>".encode("utf-16"), "a.txt", "text/html"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE html>", "a.xml", "text/html"),
        (b"<h1>Cod</h1>", "a", "text/html"),
        (b"Cod <b>swims</b>", "a.htm", "text/html"),
        (b"Cod <b>swims</b>", "a.txt", "text/plain"),
        (b"cod", "a.html", "text/plain"),
        (b"<project>", "a", "text/plain"),
        (b"{\\rtf1 Cod}", "a.txt", "application/rtf"),
        (b"Cod\n===\n", "a.rst", "text/x-rst"),
        (b"* Cod\n", "a.org", "text/org"),
        (b"fish = 3\n", "a.py", "text/x-source"),
        (b"#!/usr/bin/env python3\nfish = 3\n", "a", "text/x-source"),
    ],
)
def test_the_type_is_told_by_the_content(data: bytes, uri: str, media_type: str) -> None:
    assert detect(data, uri) == media_type


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"BM stands for bitmap", "text/plain"),
        (b"BM\0\0\0\1", "image/bmp"),
        (b"MZ\x90\0", "application/x-dosexec"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"II*\0\x08", "image/tiff"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"RIFF\1\2\3\0WEBPVP8 ", "image/webp"),
        (b"RIFF\1\2\3\0WAVEfmt ", "application/x-riff"),
        (b"\0\0\0\x18ftypheic\0", "image/heic"),
        (b"\0\0\0\x18ftypisom\0", "video/mp4"),
        (b"cod.txt".ljust(257, b"\0") + b"ustar\0", "application/x-tar"),
        (b"\1\2\3\4\0", "application/octet-stream"),
    ],
)
def test_a_binary_file_is_told_whatever_its_name(data: bytes, media_type: str) -> None:
    assert detect(data, "a.txt") == media_type


def test_every_kind_that_is_no_text_has_a_name() -> None:
    assert kind("image/png") == "a PNG image"
    assert kind("application/x-unheard-of") == "a file of type application/x-unheard-of"
    assert all(name.startswith(("a ", "an ")) for name in LOOKS.values())


@given(st.binary(max_size=400), st.sampled_from(["", "a.csv", "a.json", "a.xml", "a.eml", "a.md", "a.zip"]))
def test_any_bytes_are_something(data: bytes, uri: str) -> None:
    assert "/" in detect(data, uri)


@given(st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]), st.binary(max_size=2000))
def test_any_damage_to_a_container_is_survived(signature: bytes, rest: bytes) -> None:
    assert detect(signature + rest, "a") != "application/octet-stream"


# ── Containers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def archive(members: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return made.getvalue()


ARCHIVES = [
    ({"[Content_Types].xml": "", "word/document.xml": "cod"}, f"{OFFICE}wordprocessingml.document"),
    ({"xl/workbook.xml": "cod"}, f"{OFFICE}spreadsheetml.sheet"),
    ({"ppt/presentation.xml": "cod"}, f"{OFFICE}presentationml.presentation"),
    ({"META-INF/container.xml": "cod"}, "application/epub+zip"),
    ({"mimetype": "application/epub+zip", "cod.xhtml": "cod"}, "application/epub+zip"),
    (
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "cod"},
        "application/vnd.oasis.opendocument.text",
    ),
    (
        {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "cod"},
        "application/vnd.oasis.opendocument.spreadsheet",
    ),
    ({"cod.txt": "cod"}, "application/zip"),
    ({}, "application/zip"),
]


@pytest.mark.parametrize(("members", "media_type"), ARCHIVES)
def test_an_archive_is_called_by_what_is_in_it(members: dict[str, str], media_type: str) -> None:
    assert detect(archive(members), "a.zip") == media_type


@pytest.mark.parametrize(("members", "media_type"), ARCHIVES)
def test_so_is_one_whose_end_is_cut_off(members: dict[str, str], media_type: str) -> None:
    assert detect(archive(members)[:-10], "a.zip") == media_type


def test_a_template_and_a_part_of_another_name_are_known_by_their_declared_type() -> None:
    declared = '<Override PartName="/word/document2.xml" ContentType="application/vnd.{}+xml"/>'
    for name in (
        "openxmlformats-officedocument.wordprocessingml.document.main",
        "ms-word.template.macroEnabledTemplate",
    ):
        members = {"[Content_Types].xml": declared.format(name), "word/document2.xml": "cod"}
        assert detect(archive(members), "a") == f"{OFFICE}wordprocessingml.document"


def test_an_archive_cannot_call_itself_a_text() -> None:
    assert detect(archive({"mimetype": "text/html"}), "a") == "application/zip"


def ole(root: list[str], deeper: list[str] = []) -> bytes:  # noqa: B006
    """The head and the directory of an OLE file: the first of `root` has `deeper` below it."""
    none = 0xFFFFFFFF

    def entry(name: str, right: int, child: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        numbers = b"".join(number.to_bytes(4, "little") for number in (none, right, child))
        return (text.ljust(64, b"\0") + len(text).to_bytes(2, "little") + b"\1\1" + numbers).ljust(128, b"\0")

    entries = [entry("Root Entry", none, 1)]
    names = [*root, *deeper]
    for number, name in enumerate(names, 1):
        last = number in (len(root), len(names))
        entries.append(entry(name, none if last else number + 1, len(root) + 1 if deeper and number == 1 else none))
    directory = b"".join(entries)
    sectors = -(-len(directory) // 512)
    numbers = [0xFFFFFFFD, *range(2, sectors + 1), 0xFFFFFFFE]
    table = b"".join(number.to_bytes(4, "little") for number in numbers).ljust(512, b"\xff")
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\xff"))
    head[30:32] = (9).to_bytes(2, "little")
    head[48:52] = (1).to_bytes(4, "little")
    head[76:80] = (0).to_bytes(4, "little")
    return bytes(head) + table + directory.ljust(512 * sectors, b"\0")


@pytest.mark.parametrize(
    ("names", "media_type"),
    [
        (["WordDocument"], "application/msword"),
        (["PowerPoint Document", "Pictures"], "application/vnd.ms-powerpoint"),
        (["Workbook"], "application/vnd.ms-excel"),
        (["1", "2", "3", "4", "5", "Book"], "application/vnd.ms-excel"),
        (["__properties_version1.0"], "application/vnd.ms-outlook"),
        (["EncryptionInfo", "EncryptedPackage"], "application/x-ole-encrypted"),
        (["Contents"], "application/x-ole-storage"),
    ],
)
def test_an_old_office_file_is_called_by_its_streams(names: list[str], media_type: str) -> None:
    assert detect(ole(names), "a.txt") == media_type
    damaged = bytearray(ole(names))
    damaged[48:52] = b"\x00\x10\x00\x00"
    assert detect(bytes(damaged), "a.txt") == media_type


def test_a_document_inside_a_workbook_does_not_decide() -> None:
    assert detect(ole(["MBD00012345", "Workbook"], ["WordDocument"]), "a") == "application/vnd.ms-excel"


# ── Kinds of text ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "uri"),
    [
        (MAIL, "a.txt"),
        (MAIL.replace(b"\n", b"\r\n"), "a"),
        (MAIL.decode().encode("utf-16"), "a.eml"),
        (b"From 1275@xxx Wed Jul 16 06:24:10 2008\nX-Labels: Inbox\n" + MAIL, "a"),
        (b"Received: by mail\n\twith SMTP\nMessage-ID: <1>\n\nCod", "a.md"),
        (b"MIME-Version: 1.0\nMessage-ID: <1>\nFrom: anna\nno field\n\nCod", "a.txt"),
        (MAIL.split(b"\n\n")[0], "a"),
    ],
)
def test_a_mail_is_told_by_its_header(data: bytes, uri: str) -> None:
    assert detect(data, uri) == "message/rfc822"


@pytest.mark.parametrize(
    ("data", "uri"),
    [
        (b"Note: the cod\nTo: swim\nit is\n", "a.txt"),
        (b"Date: 2024-05-01\nSubject of the day: cod\n\nIt swims.", "a.txt"),
        (b"Name: cod\nColour: grey\n\nIt swims.", "a.txt"),
    ],
)
def test_a_note_with_keys_is_no_mail(data: bytes, uri: str) -> None:
    assert detect(data, uri) == "text/plain"


def test_notes_of_a_meeting_stay_markdown() -> None:
    assert detect(MAIL, "a.md") == "text/markdown"


@pytest.mark.parametrize(
    ("text", "uri", "media_type"),
    [
        ('{"fish": [1, 2]}', "a.txt", "application/json"),
        ("[1, 2]", "a", "application/json"),
        (json.dumps({"fish": ["cod"] * 20_000}), "a", "application/json"),
        (json.dumps([{"fish": "c" * 90_000}]), "a", "application/json"),
        ('{"fish": 1, oh', "a.json", "application/json"),
        ('{"fish": 1, oh', "a.txt", "text/plain"),
        ('{"fish": 1}\n{"fish": 2}\n', "a.txt", "application/x-ndjson"),
        ('{"fish": 1}\n' * 9000, "a.txt", "application/x-ndjson"),
        ('{"fish": 1}\n', "a.jsonl", "application/x-ndjson"),
        ('{\n "fish": 1,\n "kg": [\n 2\n ]\n}', "a.json", "application/json"),
        ('{"cells": [{"cell_type": "code"}], "nbformat": 4}', "a.json", "application/x-ipynb+json"),
        ("[1] Anna, On cod.\n[2] Ben, On eel.\n", "a.txt", "text/plain"),
        ("[1] " + "Anna, On cod.\n" * 9000, "a.txt", "text/plain"),
        ("{{ title }}", "a.txt", "text/plain"),
    ],
)
def test_json_is_told_by_parsing_it(text: str, uri: str, media_type: str) -> None:
    assert detect(text.encode(), uri) == media_type


@pytest.mark.parametrize(
    ("data", "uri", "media_type"),
    [
        (b"<?xml version='1.0'?><fish/>", "a.txt", "application/xml"),
        (b"<?xml version='1.0'?><feed/>", "a.xml", "application/atom+xml"),
        (b"<?xml version='1.0'?><!-- x --><rss version='2.0'></rss>", "a", "application/rss+xml"),
        (b"<rdf:RDF xmlns='http://purl.org/rss/1.0/'></rdf:RDF>", "a", "application/rss+xml"),
        (b"<rdf:RDF></rdf:RDF>", "a", "application/xml"),
        (b"<!DOCTYPE fish [<!ENTITY a 'b'>]><fish>cod</fish>\n", "a.txt", "application/xml"),
        (b"<fish>cod</fish>", "a.txt", "application/xml"),
        ("<fish>cod</fish>".encode("utf-16"), "a.txt", "application/xml"),
        (b"<fish>cod", "a.xml", "application/xml"),
        (b"<title>cod</title>", "a.xml", "application/xml"),
        (b"<x:html xmlns:x='http://www.w3.org/1999/xhtml'></x:html>", "a.xml", "text/html"),
        (b"<cod> swims </eel>", "a.txt", "text/plain"),
    ],
)
def test_xml_is_told_by_its_root(data: bytes, uri: str, media_type: str) -> None:
    assert detect(data, uri) == media_type


@pytest.mark.parametrize(
    ("data", "uri", "media_type"),
    [
        (TABLE, "a.txt", "text/csv"),
        (TABLE.replace(b",", b";"), "a", "text/csv"),
        (TABLE.replace(b",", b"\t"), "a.csv", "text/tab-separated-values"),
        (TABLE.replace(b"cod", b'"cod, eel\nand more"'), "a", "text/csv"),
        (TABLE.decode().encode("utf-16"), "a", "text/csv"),
        (TABLE * 5000, "a", "text/csv"),
        (b"Fish,,\nname,port,kg\ncod,Bergen,3\n", "a.csv", "text/csv"),
        (b"fish\ncod\neel\n", "a.csv", "text/csv"),
        (b"fish\ncod\neel\n", "a.txt", "text/plain"),
        (b"a,b,c\n", "a.txt", "text/plain"),
        (b"Cod, eel, hake\nswim, eat, sleep\nhere, there, now\n", "a.txt", "text/plain"),
        (b"|a|b|\n|-|-|\n|1|2|\n", "a.txt", "text/plain"),
        (
            b"Cod swims in the cold sea, unseen by those who eat it, and so it goes on.\n" + b"It swims " * 40,
            "a.csv",
            "text/plain",
        ),
    ],
)
def test_a_table_is_told_by_records_of_one_length(data: bytes, uri: str, media_type: str) -> None:
    assert detect(data, uri) == media_type


def test_a_prolog_without_end_is_given_up_at_once() -> None:
    assert detect(b"<!---->" * 9000, "a.xml") == "text/plain"
    assert detect(b"<!----><?a?> " * 5000, "a.xml") == "text/plain"
