"""Outlook messages: read as e-mail is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers import title_from
from ragstone.ingestion.parsers.blocks import Blocks
from ragstone.ingestion.parsers.eml import child_name, letter, write_html
from ragstone.ingestion.parsers.html import decode_page
from ragstone.protocols import Parser
from ragstone.types import Child, Parsed

if TYPE_CHECKING:
    from oxmsg import Message
    from oxmsg.attachment import Attachment

__all__ = ["MsgParser"]

_TO, _CC = 0x0E04, 0x0E03  # those lines as Outlook shows them
_HTML = 0x1013
_SHORT_NAME = 0x3704


class MsgParser(Parser):
    """A message of Outlook: From, To, Cc, Date and Subject as lines, then its text, else its HTML.

    Attachments are children.
    """

    media_types: ClassVar[tuple[str, ...]] = ("application/vnd.ms-outlook",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and the attachments. Raises ParseError for a damaged file, and a message without either."""
        from oxmsg import Message

        try:
            message = Message.load(data)
            fields = _fields(message)
        except Exception as error:
            raise ParseError(f"is a damaged Outlook message: {error}", where=uri) from error
        blocks, warnings = Blocks(), list[str]()
        blocks.add(letter(fields))
        try:
            _write_body(blocks, message, uri)
        except ParseError:
            raise
        except Exception as error:
            warnings.append(f"its body is damaged: {error}")
        children = _children(message, warnings)
        if not blocks.text and not children:
            raise ParseError("holds no text", where=uri)
        return Parsed(
            text=blocks.text,
            media_type="application/vnd.ms-outlook",
            title=" ".join(message.subject.split()) or title_from(uri),
            spans=blocks.spans(),
            warnings=tuple(warnings),
            children=tuple(children),
        )


def _fields(message: Message) -> list[tuple[str, str]]:
    properties, headers = message.properties, {key.lower(): value for key, value in message.message_headers.items()}
    sent = message.sent_date
    date = headers.get("date") or (sent.strftime("%a, %d %b %Y %H:%M:%S %z") if sent else "")
    to = headers.get("to") or properties.str_prop_value(_TO)
    if not to:
        to = "; ".join(f"{one.name} <{one.email_address}>" for one in message.recipients)
    cc = headers.get("cc") or properties.str_prop_value(_CC) or ""
    return [("From", message.sender or ""), ("To", to), ("Cc", cc), ("Date", date), ("Subject", message.subject)]


def _write_body(blocks: Blocks, message: Message, uri: str) -> None:
    body = (message.body or "").replace("\r\n", "\n").replace("\0", "")
    if body.strip():
        blocks.add(body)
        return
    page = message.properties.binary_prop_value(_HTML)
    write_html(blocks, decode_page(page, uri=uri)[0] if page else message.html_body or "", uri=uri)


def _children(message: Message, warnings: list[str]) -> list[Child]:
    children: list[Child] = []
    for number, attachment in enumerate(message.attachments, 1):
        try:
            name, data = _name(attachment), attachment.file_bytes
        except Exception as error:
            warnings.append(f"attachment {number} is damaged: {error}")
            continue
        if data:
            children.append(Child(child_name(name, number=number, media_type=attachment.mime_type or ""), data))
        else:
            warnings.append(f"attachment {number} was not read: {name or 'a message or an object of Outlook'}")
    return children


def _name(attachment: Attachment) -> str:
    return attachment.file_name or attachment.properties.str_prop_value(_SHORT_NAME) or ""
