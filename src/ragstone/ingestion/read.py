"""Reads one file, and what lies inside it, with the parser for each. It runs in a worker process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from ragstone import registry
from ragstone.errors import MissingExtra, ParseError
from ragstone.ingestion.detect import detect, kind
from ragstone.ingestion.parsers import check_length
from ragstone.protocols import Ocr, Parser
from ragstone.text.language import detect as language_of
from ragstone.types import Child, Parsed

__all__ = ["INSIDE", "Part", "media_types", "parser_of", "read"]

INSIDE = "!/"
"""Stands between the uri of a file and the name of one inside it."""

MOST_DEPTH = 5
MOST_PARTS = 10_000
MOST_BYTES = 1_000_000_000

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """A file or one inside it: its uri, the hash of its bytes, and what was made of it or why nothing could be.

    `language` is that of the text (text/language.py), found here because that takes as long as to parse a page.
    """

    uri: str
    digest: str
    parsed: Parsed | None
    error: ParseError | None = None
    language: str = ""


def read(data: bytes, uri: str, *, media_type: str = "", settings: Settings | None = None) -> list[Part]:
    """The file itself, then everything inside it. Raises ParseError when the file itself cannot be read."""
    settings = settings or {}
    parsed = _parsed(data, uri, media_type, settings)
    parts = [_part(uri, data, parsed)]
    total = len(data)
    for part, size in _inside(uri, parsed, settings, 1):
        total += size
        if len(parts) > MOST_PARTS or total > MOST_BYTES:
            raise ParseError(
                "holds too much",
                where=uri,
                expected=f"at most {MOST_PARTS:,} files and {MOST_BYTES:,} bytes inside",
            )
        parts.append(part)
    return parts


def _part(uri: str, data: bytes, parsed: Parsed) -> Part:
    return Part(uri, _digest(data), replace(parsed, children=()), language=language_of(parsed.text))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _inside(uri: str, parsed: Parsed, settings: Settings, depth: int) -> Iterator[tuple[Part, int]]:
    """Each part below a file, with its size in bytes."""
    for child_uri, child in _named(uri, parsed.children):
        if depth > MOST_DEPTH:
            error = ParseError("lies too deep inside other files", where=child_uri)
            yield Part(child_uri, "", None, error), 0
            continue
        try:
            found = _parsed(child.data, child_uri, "", settings)
        except ParseError as error:
            yield Part(child_uri, "", None, error), len(child.data)
            continue
        yield _part(child_uri, child.data, found), len(child.data)
        yield from _inside(child_uri, found, settings, depth + 1)


def _named(uri: str, children: tuple[Child, ...]) -> Iterator[tuple[str, Child]]:
    """Each child with a uri of its own: a second `image.png` is `image-2.png`."""
    taken: set[str] = set()
    for child in children:
        stem, dot, suffix = child.name.rpartition(".")
        stem, suffix = (stem, dot + suffix) if dot else (child.name, "")
        name, count = child.name, 1
        while name in taken:
            count += 1
            name = f"{stem}-{count}{suffix}"
        taken.add(name)
        yield f"{uri}{INSIDE}{name}", child


def parser_of(data: bytes, uri: str, media_type: str = "") -> tuple[str, str]:
    """The media type of a file and its parser's name. Raises ParseError where no parser reads it."""
    if not data:
        raise ParseError("is empty", where=uri)
    media_type = media_type or detect(data, uri)
    name = media_types().get(media_type)
    if name is None:
        known = kind(media_type) if media_type != "application/octet-stream" else "a binary file of an unknown kind"
        raise ParseError(
            f"is {known}: not supported", where=uri, expected="one of " + ", ".join(registry.names("parser"))
        )
    return media_type, name


def _parsed(data: bytes, uri: str, media_type: str, settings: Settings) -> Parsed:
    media_type, name = parser_of(data, uri, media_type)
    try:
        parsed = _parser(name, settings).parse(data, uri=uri)
    except ParseError:
        raise
    except MissingExtra as error:
        raise ParseError(f"is {kind(media_type)}: {error.message}", where=uri, hint=error.hint) from error
    except MemoryError:
        raise
    except ModuleNotFoundError as error:
        hint = "Run: pip install 'ragstone[documents]'"
        raise ParseError(
            f"is {kind(media_type)}, and the package {error.name!r} is missing", where=uri, hint=hint
        ) from error
    except Exception as error:  # one bad file never stops the run
        raise ParseError(f"the {media_type} parser failed: {type(error).__name__}: {error}", where=uri) from error
    check_length(len(parsed.text), uri=uri)
    if not parsed.text.strip():
        if not parsed.children:
            raise ParseError("holds no text", where=uri)
        parsed = replace(parsed, text="", spans=())
    return parsed


@cache
def media_types() -> dict[str, str]:
    """The name of the parser for each media type. One whose packages are missing still has its types: see `_parser`."""
    return {
        media_type: name
        for name in registry.names("parser")
        for media_type in cast("type[Parser]", registry.find("parser", name)).media_types
    }


def _parser(name: str, settings: Settings) -> Parser:
    given = dict(settings.get(name, {}))
    if isinstance(ocr := given.get("ocr"), Mapping):
        chosen = dict(cast("Mapping[str, Any]", ocr))
        engine = registry.find("ocr", str(chosen.pop("type")))
        given["ocr"] = cast("Ocr", engine(**chosen))
    return cast("Parser", registry.find("parser", name)(**given))
