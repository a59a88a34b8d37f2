"""E-mail: its header lines, its words, and what is attached to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from email import message_from_bytes
from email.header import decode_header
from email.message import EmailMessage, Message
from email.policy import compat32, default
from mimetypes import guess_extension
from typing import Any, ClassVar, cast

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.html import read_page
from ragstone.ingestion.parsers.text import decode, encoding_of
from ragstone.protocols import Parser
from ragstone.types import Child, Parsed

__all__ = ["EmlParser", "child_name", "letter", "write_html"]

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_MOST_DEPTH = 20  # of parts inside parts
_UNNAMEABLE = re.compile(r"[\x00-\x1f\x7f/\\]+")


class EmlParser(Parser):
    """A message: From, To, Cc, Date and Subject as lines, then its text, else its HTML as a reader sees it.

    Attachments and attached messages are children; those of a digest are part of the text. Pictures that the HTML shows
    are left out.
    """

    media_types: ClassVar[tuple[str, ...]] = ("message/rfc822",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and the attachments. Raises ParseError for a message without either."""
        mark, encoding = encoding_of(data)
        if mark or encoding not in (None, "utf-8"):  # saved by an editor as UTF-16, say
            data = decode(data, uri=uri)[0].encode("utf-8", "surrogatepass")
        message = message_from_bytes(data.lstrip(b"\r\n"), policy=default)
        reading = _Reading(uri)
        reading.message(message)
        if not reading.blocks.text and not reading.children:
            raise ParseError("holds no text", where=uri)
        return Parsed(
            text=reading.blocks.text,
            media_type="message/rfc822",
            title=_field(message, "Subject") or title_from(uri),
            spans=reading.blocks.spans(),
            warnings=tuple(dict.fromkeys(reading.warnings)),
            children=tuple(reading.children),
        )


def letter(fields: Iterable[tuple[str, str]]) -> str:
    r"""The header as lines, those without a value left out.

    >>> letter([("From", "Anna"), ("Cc", ""), ("Subject", "Cod")])
    'From: Anna\nSubject: Cod'
    """
    return "\n".join(f"{name}: {' '.join(value.split())}" for name, value in fields if value.strip())


def write_html(blocks: Blocks, source: str, *, uri: str) -> None:
    """Adds what a reader sees of an HTML body."""
    if source.strip():
        page = read_page(source, uri=uri)
        blocks.insert(page.text, page.headings, page.tables)


def child_name(name: str, *, number: int, media_type: str) -> str:
    """A name for an attachment without folders or control characters; a numbered one where it has none.

    >>> child_name("../cod.txt", number=1, media_type=""), child_name("", number=2, media_type="image/png")
    ('.. cod.txt', 'attachment-2.png')
    """
    name = _UNNAMEABLE.sub(" ", name).strip()
    return name if name.strip(". ") else f"attachment-{number}{guess_extension(media_type) or ''}"


class _Reading:
    """What was read of a message so far."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.blocks = Blocks()
        self.children: list[Child] = []
        self.warnings: list[str] = []

    def message(self, message: Message, depth: int = 0) -> None:
        """Adds the header and the body."""
        self.blocks.add(letter((name, _field(message, name)) for name in _SHOWN))
        self.part(message, depth)

    def part(self, part: Message, depth: int) -> None:
        """Adds a part, and those inside it."""
        media_type = part.get_content_type()
        if media_type in _ENCRYPTED:
            self.warnings.append("its body is encrypted")
        if depth > _MOST_DEPTH:
            self.warnings.append("some parts lie too deep inside others")
        elif media_type == "message/rfc822":
            self._attached(part)
        elif not part.is_multipart():
            self._leaf(part, media_type)
        elif media_type == "multipart/alternative":
            self._alternative(_parts(part), depth)
        else:
            for inner in _parts(part):
                if media_type == "multipart/digest" and inner.get_content_type() == "message/rfc822":
                    for message in _parts(inner):
                        self.message(message, depth + 2)
                elif media_type != "multipart/related" or not _is_shown(inner):
                    self.part(inner, depth + 1)

    def _alternative(self, parts: Sequence[Message], depth: int) -> None:
        """Adds the plain text, else the HTML, and whatever else is in there, such as an invitation."""
        plain = [part for part in parts if part.get_content_type() == "text/plain"]
        before = len(self.blocks.text)
        for part in plain:
            self.part(part, depth + 1)
        found = len(self.blocks.text) > before
        for part in parts:
            if part not in plain and not (found and part.get_content_type() == "text/html"):
                self.part(part, depth + 1)

    def _attached(self, part: Message) -> None:
        """Adds an attached message as a child."""
        for message in _parts(part):
            name = _name(part) or f"{_field(message, 'Subject') or f'message-{len(self.children) + 1}'}.eml"
            self._child(name, _as_bytes(message), "message/rfc822")

    def _leaf(self, part: Message, media_type: str) -> None:
        name, disposition = _name(part), part.get_content_disposition()
        if (
            disposition != "attachment"
            and media_type.startswith(("text/", "multipart/"))
            and not (name and disposition)
        ):
            text = self._text(part)
            if media_type == "text/html":
                write_html(self.blocks, text, uri=self.uri)
            else:
                self.blocks.add(text.replace("\r\n", "\n"))
        elif disposition == "attachment" or (name and not part["Content-ID"]):
            self._child(name, _payload(part), media_type)

    def _text(self, part: Message) -> str:
        """The words of a part, in the charset that it names, else in the one that its bytes suggest."""
        data = _payload(part)
        if not data.strip():
            return ""
        charset = (part.get_content_charset() or "").strip()
        try:
            return data.decode(charset or "utf-8")
        except (LookupError, UnicodeError):
            pass
        try:
            text, warnings = decode(data, uri=self.uri)
        except ParseError:
            text, warnings = data.decode("latin-1").replace("\0", ""), ("decoded as latin-1: its encoding is unknown",)
        self.warnings += warnings
        return text

    def _child(self, name: str, data: bytes, media_type: str) -> None:
        if data:
            name = child_name(name, number=len(self.children) + 1, media_type=media_type)
            self.children.append(Child(name, data))


def _parts(part: Message) -> list[Message]:
    payload: Any = part.get_payload()
    return (
        [inner for inner in cast("list[object]", payload) if isinstance(inner, Message)] if part.is_multipart() else []
    )


def _is_shown(part: Message) -> bool:
    """Whether it is a picture that the HTML beside it shows."""
    return part.get_content_maintype() == "image" and "Content-ID" in part


def _payload(part: Message) -> bytes:
    """The bytes of a part; where its encoding is broken, those that stand there."""
    found: Any = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _as_bytes(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except Exception:  # what is malformed cannot always be written again
        return message.as_bytes(policy=compat32)


def _name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except Exception:
        return ""


def _field(message: Message, name: str) -> str:
    """A header field in plain words, however malformed."""
    try:
        return str(message[name] or "") if isinstance(message, EmailMessage) else _decoded(message[name] or "")
    except Exception:
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return _decoded(str(raw))


def _decoded(value: str) -> str:
    try:
        parts = decode_header(value)
    except Exception:
        return value
    return "".join(
        part if isinstance(part, str) else part.decode(_known(charset), "replace") for part, charset in parts
    )


def _known(charset: str | None) -> str:
    try:
        "".encode(charset or "utf-8")
    except LookupError:
        return "latin-1"
    return charset or "utf-8"
