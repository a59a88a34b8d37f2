"""What a worker and its parent say to each other: JSON and bytes, never anything that could run as code."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ragstone.errors import ParseError
from ragstone.ingestion.read import Part
from ragstone.types import Parsed, Span

__all__ = ["error_from", "error_to", "parts_from", "parts_to", "receive", "send"]

_SIZES = struct.Struct(">QQ")


def send(pipe: IO[bytes], header: Mapping[str, Any], data: bytes = b"") -> None:
    """Writes one message."""
    said = json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    pipe.write(_SIZES.pack(len(said), len(data)))
    pipe.write(said)
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Reads one message. Raises EOFError when the other side has ended."""
    header, data = _SIZES.unpack(_exactly(pipe, _SIZES.size))
    return json.loads(_exactly(pipe, header)), _exactly(pipe, data)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = pipe.read(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def parts_to(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Parts as JSON; what lies inside a part is a part of its own, so children are not sent."""
    return [
        {
            "uri": part.uri,
            "digest": part.digest,
            "parsed": None if part.parsed is None else _parsed_to(part.parsed),
            "error": None if part.error is None else error_to(part.error),
            "language": part.language,
        }
        for part in parts
    ]


def parts_from(values: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The same back again."""
    return [
        Part(
            value["uri"],
            value["digest"],
            None if value["parsed"] is None else _parsed_from(value["parsed"]),
            None if value["error"] is None else error_from(value["error"]),
            value["language"],
        )
        for value in values
    ]


def _parsed_to(parsed: Parsed) -> dict[str, Any]:
    spans = [(span.kind, span.start, span.end, span.label, span.level) for span in parsed.spans]
    plain = {name: getattr(parsed, name) for name in _PLAIN}
    return {**plain, "metadata": dict(parsed.metadata), "spans": spans}


def _parsed_from(value: Mapping[str, Any]) -> Parsed:
    return Parsed(
        text=value["text"],
        media_type=value["media_type"],
        title=value["title"],
        spans=tuple(Span(*span) for span in value["spans"]),
        metadata=value["metadata"],
        warnings=tuple(value["warnings"]),
        verbatim=value["verbatim"],
    )


_PLAIN = ("text", "media_type", "title", "warnings", "verbatim")
_ERROR = ("message", "where", "expected", "found", "hint")


def error_to(error: ParseError) -> dict[str, Any]:
    """An error as JSON."""
    return {name: getattr(error, name) for name in _ERROR}


def error_from(value: Mapping[str, Any]) -> ParseError:
    """The same back again."""
    return ParseError(value["message"], **{name: value[name] for name in _ERROR[1:]})
