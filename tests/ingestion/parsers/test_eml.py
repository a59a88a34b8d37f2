from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.eml import EmlParser
from ragstone.types import Parsed

HEAD = b"From: Anna <anna@example.org>\nTo: Ben <ben@example.org>\nSubject: Cod\nX-Mailer: 1\n"


def parsed(data: bytes) -> Parsed:
    return EmlParser().parse(data, uri="mail/a.eml")


def letter(text: str = "It swims.\n", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Anna <anna@example.org>"
    message["To"] = "Ben <ben@example.org>, Cleo <cleo@example.org>"
    message["Date"] = "Fri, 16 Dec 2022 17:04:16 -0500"
    message["Subject"] = "Köder für Dorsch"
    message["X-Mailer"] = "cod"
    if text:
        message.set_content(text)
    if html:
        (message.add_alternative if text else message.set_content)(html, subtype="html")
    return message


def test_the_header_stands_before_the_body() -> None:
    found = parsed(letter().as_bytes())
    assert found.text == (
        "From: Anna <anna@example.org>\nTo: Ben <ben@example.org>, Cleo <cleo@example.org>\n"
        "Date: Fri, 16 Dec 2022 17:04:16 -0500\nSubject: Köder für Dorsch\n\nIt swims."
    )
    assert (found.title, found.media_type, found.children, found.warnings) == (
        "Köder für Dorsch",
        "message/rfc822",
        (),
        (),
    )


def test_plain_text_is_preferred_to_html() -> None:
    text = parsed(letter("plain words", "<p>other words").as_bytes()).text
    assert "plain words" in text
    assert "other words" not in text


def test_html_alone_is_read_as_a_page_is() -> None:
    found = parsed(letter("", "<h1>Fish</h1><p>It <b>swims</b>.<table><tr><td>a<td>b<tr><td>c<td>d</table>").as_bytes())
    assert found.text.endswith("Subject: Köder für Dorsch\n\nFish\n\nIt swims.\n\na | b\nc | d")
    assert [(span.kind, found.text[span.start : span.end]) for span in found.spans] == [
        ("heading", "Fish\n\nIt swims.\n\na | b\nc | d"),
        ("table", "a | b\nc | d"),
    ]


def test_an_empty_plain_text_gives_way_to_the_html() -> None:
    assert parsed(letter(" \n", "<p>It swims.").as_bytes()).text.endswith("It swims.")


def test_attachments_are_children_and_pictures_in_the_page_are_not() -> None:
    message = letter("", "<p>See <img src='cid:1'>")
    message.add_related(b"\x89PNG", "image", "png", cid="<1>", filename="logo.png")
    message.add_attachment(b"PK", maintype="application", subtype="zip", filename="../fish/cod.zip")
    message.add_attachment("a,b\n", subtype="csv", filename="table.csv")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png")
    assert [(child.name, child.data) for child in parsed(message.as_bytes()).children] == [
        (".. fish cod.zip", b"PK"),
        ("table.csv", b"a,b\n"),
        ("attachment-3.png", b"\x89PNG"),
    ]


def test_an_attached_message_is_a_child_and_can_be_read_in_turn() -> None:
    message, inner = letter(), letter("Deeper down.\n")
    del inner["Subject"]
    inner["Subject"] = "Fwd: eel/hake"
    message.add_attachment(inner)
    (child,) = parsed(message.as_bytes()).children
    assert child.name == "Fwd: eel hake.eml"
    assert parsed(child.data).text.endswith("Deeper down.")


def test_the_messages_of_a_digest_are_part_of_it() -> None:
    inner = "--x\nContent-Type: message/rfc822\n\nFrom: {0}@example.org\nSubject: On {0}\n\nAll about {0}.\n\n"
    data = HEAD + b"MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=x\n\n"
    found = parsed(data + inner.format("cod").encode() + inner.format("eel").encode() + b"--x--\n")
    assert "From: cod@example.org\nSubject: On cod\n\nAll about cod.\n\nFrom: eel@example.org" in found.text
    assert found.children == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "utf-32"])
def test_a_message_saved_in_another_encoding_is_read(encoding: str) -> None:
    data = (HEAD.decode() + "Content-Type: text/plain; charset=utf-8\n\nEin Köder.").encode(encoding)
    assert parsed(data).text.endswith("Subject: Cod\n\nEin Köder.")


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (b'Content-Type: text/plain; charset = "UTF-8"Content-Transfer-Encoding: 8bit\n\nIt swims.', "It swims."),
        (b"Content-Type: text/plain; charset=no-such\n\nK\xf6der", "Köder"),
        (b"Content-Type: text/plain; charset=ascii\n\nK\xc3\xb6der", "Köder"),
        (b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSXQgc3dpbXMu!!", "It swims."),
        (b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nIt swims.", "It swims."),
        (b"Content-Type: multipart/mixed\n\nIt swims.", "It swims."),
        (b"Date: never\nCc: ,,;@@<\n\nIt swims.", "It swims."),
    ],
)
def test_what_is_malformed_loses_no_words(rest: bytes, text: str) -> None:
    found = parsed(HEAD + b"MIME-Version: 1.0\n" + rest)
    assert "Subject: Cod" in found.text
    assert text in found.text


@given(st.binary(max_size=300), st.sampled_from(["Subject", "To", "Content-Type", "Date", "Content-Transfer-Encoding"]))
def test_no_header_stops_the_reading(value: bytes, name: str) -> None:
    value = b" ".join(value.replace(b"\0", b"").split())
    data = b"From: anna@example.org\n" + name.encode() + b": " + value + b"\n\nIt swims.\n"
    assert "From: anna@example.org" in parsed(data).text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip))
def test_what_was_written_is_read(text: str) -> None:
    found = parsed(letter(f"x{text}x").as_bytes(policy=SMTP)).text
    assert found.endswith(f"x{text}x")


def test_a_message_of_nothing_is_refused() -> None:
    with pytest.raises(ParseError, match="holds no text"):
        parsed(b"X-Mailer: 1\n\n \n")


def test_an_encrypted_body_is_reported() -> None:
    found = parsed(HEAD + b"Content-Type: application/pkcs7-mime; name=smime.p7m\n\nMIAG")
    assert found.warnings == ("its body is encrypted",)
