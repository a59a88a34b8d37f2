"""Cuts a Handlebars or Mustache template into text and tags, with the white space that its rules leave.

A block, a partial or a comment alone on its line takes the line with it; `~` takes the white space at its side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ragstone.errors import PromptError
from ragstone.prompts.syntax import Source

__all__ = ["Tag", "cut", "place"]

_COMMENT = re.compile(r"\{\{~?!--.*?--~?\}\}|\{\{~?!.*?\}\}", re.DOTALL)
_RAW = re.compile(r"\{\{\{\{\s*([^\s}]+)\s*\}\}\}\}(.*?)\{\{\{\{/\1\}\}\}\}", re.DOTALL)
_TRIPLE = re.compile(r"\{\{(~?)\{(.*?)\}(~?)\}\}", re.DOTALL)
_PLAIN = re.compile(r"\{\{(~?)(.*?)(~?)\}\}", re.DOTALL)
_LINE_BEFORE = re.compile(r"(?:\A|(?<=\n))[ \t]*\Z")
_LINE_AFTER = re.compile(r"[ \t]*(?:\r?\n|\Z)")


@dataclass(slots=True)
class Tag:
    """One tag. `kind` is its first sign (`#`, `/`, `^`, `>`, `!`), `else`, `raw`, `literal`, or empty for a value."""

    kind: str
    words: str
    start: int
    shown: str
    triple: bool = False
    before: bool = False  # takes the white space before it
    after: bool = False
    indent: str = ""  # of a partial that stands alone on its line


def place(source: Source, offset: int) -> str:
    """`path:line:column` of a character of a body."""
    line = source.text.count("\n", 0, offset)
    return f"{source.path}:{source.line + line}:{offset - source.text.rfind(chr(10), 0, offset)}"


def cut(source: Source, *, mustache: bool = False) -> list[str | Tag]:
    """Texts and tags in turn. Mustache knows no `~`, no escape and no `else`."""
    parts = list(_raw_parts(source, mustache=mustache))
    if not mustache:
        _trim_at_signs(parts)
    _drop_lines(parts)
    return [part for part in parts if part != ""]


def _raw_parts(source: Source, *, mustache: bool) -> Iterator[str | Tag]:
    """Texts and tags; between two tags there is always one text, if an empty one."""
    text, at, held = source.text, 0, ""
    while (start := text.find("{{", at)) >= 0:
        held += text[at:start]
        slashes = 0 if mustache else len(held) - len(held.rstrip("\\"))
        if slashes == 1:
            held, at = held[:-1] + "{{", start + 2
            continue
        held = held[:-1] if slashes else held
        raw = None if mustache else _RAW.match(text, start)
        if raw and raw[1] == "raw":
            yield held
            held, at = "", raw.end()
            yield Tag("literal", raw[2], start, raw[0])  # no sign at its side reaches into it
            continue
        tag, at = _tag(source, start, raw, mustache=mustache)
        yield held
        held = ""
        yield tag
    yield held + text[at:]


def _tag(source: Source, start: int, raw: re.Match[str] | None, *, mustache: bool) -> tuple[Tag, int]:
    text = source.text
    if raw:
        return Tag("raw", raw[1], start, f"{{{{{{{{{raw[1]}}}}}}}}}"), raw.end()
    if comment := _COMMENT.match(text, start):
        shown = comment[0]
        inner = shown[2:-2]
        return Tag("!", "", start, shown, before=inner.startswith("~"), after=inner.endswith("~")), comment.end()
    triple = _TRIPLE.match(text, start)
    found = triple or _PLAIN.match(text, start)
    if found is None:
        raise PromptError("a tag has no end", where=place(source, start), expected="'}}'")
    words, kind = found[2].strip(), ""
    if not triple and words[:1] in ("#", "/", "^", ">", "&", "="):
        kind, words = words[0], words[1:].strip()
    elif not triple and not mustache and (words == "else" or words.startswith("else ")):
        kind, words = "else", words[4:].strip()
    if kind == "^" and not words:  # Handlebars says `else` in this way too
        kind = "else"
    if kind == "=":
        raise PromptError("other braces are not read", where=place(source, start), found=found[0])
    if not words and kind != "else":
        raise PromptError("a tag is empty", where=place(source, start), found=found[0])
    kind, unescaped = ("", True) if kind == "&" else (kind, bool(triple))
    return Tag(kind, words, start, found[0], unescaped, bool(found[1]), bool(found[3])), found.end()


def _trim_at_signs(parts: list[str | Tag]) -> None:
    for index, part in enumerate(parts):
        if isinstance(part, Tag):
            before, after = parts[index - 1], parts[index + 1]
            if part.before and isinstance(before, str):
                parts[index - 1] = before.rstrip()
            if part.after and isinstance(after, str):
                parts[index + 1] = after.lstrip()


def _drop_lines(parts: list[str | Tag]) -> None:
    """Which tags are alone is seen from the lines as they were, before any is dropped."""
    alone: list[tuple[int, int, int]] = []
    for index in range(1, len(parts) - 1, 2):
        tag, before, after = parts[index], parts[index - 1], parts[index + 1]
        assert isinstance(tag, Tag)
        assert isinstance(before, str)
        assert isinstance(after, str)
        if tag.kind in ("", "raw", "literal"):
            continue
        opens = _LINE_BEFORE.search(before)
        closes = _LINE_AFTER.match(after)
        if opens is None or (opens.start() == 0 and index > 1):  # another tag stands before it on the line
            continue
        if closes is None or (closes.end() == len(after) and not closes[0].endswith("\n") and index < len(parts) - 2):
            continue
        alone.append((index, len(before) - opens.start(), closes.end()))
        if tag.kind == ">":
            tag.indent = opens[0]
    for index, opening, closing in alone:
        before, after = parts[index - 1], parts[index + 1]
        assert isinstance(before, str)
        assert isinstance(after, str)
        parts[index - 1] = before[: len(before) - opening] if opening else before
        parts[index + 1] = after[closing:]
