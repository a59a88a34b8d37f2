"""A prompt file as its author sees it: every line of words and every tag, each with its place, includes among them.

`file` says what a prompt does, this says where in the file it stands. So the commands that show, compare and check
prompts can point at a line and a column.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, TypeAlias

from jinja2 import Environment

from ragstone.config import Located, parse_yaml, validate
from ragstone.prompts.file import PromptFile, load, variables
from ragstone.prompts.home import home
from ragstone.prompts.schema import Front
from ragstone.prompts.syntax import Checker, Source, read
from ragstone.types import Role

__all__ = ["Line", "Piece", "Reading", "Said", "read_prompt"]

Arms: TypeAlias = tuple[tuple[int, int], ...]

_RAW = r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}"
_TAG = re.compile(rf"{_RAW}|" r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+["']([^"']+)["'](?:\s+with\s+context)?\s*[-+]?%\}""")
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words on one line, or a tag. A slot puts a value there; `names` are the inputs that a tag uses.

    `arms` are the blocks around it, each with its arm: what stands under `if` and what stands under its `else` never
    meet.
    """

    kind: Literal["text", "slot", "tag"]
    text: str
    message: int
    role: Role
    where: str  # path:line:column
    names: tuple[str, ...] = ()
    arms: Arms = ()

    def at(self, offset: int) -> str:
        """`path:line:column` of a character of these words."""
        path, line, column = self.where.rsplit(":", 2)
        return f"{path}:{line}:{int(column) + offset}"

    def meets(self, other: Piece) -> bool:
        """Whether both can stand in one rendered prompt."""
        mine = dict(self.arms)
        return all(mine.get(block, arm) == arm for block, arm in other.arms)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, with its place."""

    text: str
    path: Path
    number: int

    def where(self, column: int = 0) -> str:
        """`path:line:column`; columns count from 0 here and from 1 in the place."""
        return f"{self.path}:{self.number}:{column + 1}"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a prompt file, its includes in place and its tags as they are."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A prompt file that loads, with the places of all that stands in it."""

    file: PromptFile
    root: Path
    front: Front
    located: Located
    messages: tuple[Said, ...]
    pieces: tuple[Piece, ...]
    lines: tuple[Line, ...]  # of the file and of all that it includes

    @property
    def words(self) -> Iterator[Piece]:
        """The author's words, line by line."""
        return (piece for piece in self.pieces if piece.kind == "text")

    def slots(self, *trusts: str) -> list[Piece]:
        """The tags that put in a value of one of these trusts, in their order."""
        return [
            piece
            for piece in self.pieces
            if piece.kind == "slot" and any(self.file.trust.get(name) in trusts for name in piece.names)
        ]

    def key(self, *keys: str | int) -> str:
        """Where a key of the front matter stands."""
        return self.located.where(keys)


def read_prompt(path: Path, *, root: Path | None = None) -> Reading:
    """Reads a prompt file with all its places, its includes as `load` does. Raises PromptError likewise."""
    root = root or home(path)
    file = load(path, root=root)
    text = read(path, root)
    lines = text.split("\n")
    end = lines.index("---", 1)
    located = parse_yaml("\n".join(lines[1:end]), path, first_line=2)
    names = variables(validate(Front, located))
    body = Source(path, "\n".join(lines[end + 1 :]), end + 2)
    messages = Checker(root, names, Environment(autoescape=True)).messages(body)  # parsed alone, and never rendered
    cutter = _Cutter(root, frozenset(names))
    return Reading(
        file=file,
        root=root,
        front=validate(Front, located),
        located=located,
        messages=tuple(Said(role, _resolved(part.text, root)) for role, part in messages),
        pieces=tuple(
            piece for number, (role, part) in enumerate(messages) for piece in cutter.pieces(part, number, role)
        ),
        lines=tuple(
            Line(line, place, number)
            for place, whole in ((path, text), *((root / name, said) for name, said in file.body.includes.items()))
            for number, line in enumerate(whole.split("\n"), 1)
        ),
    )


def _resolved(text: str, root: Path) -> str:
    def shown(tag: re.Match[str]) -> str:
        included = _INCLUDE.fullmatch(tag[0])
        return _resolved(_included(root / included[1], root), root) if included else tag[0]

    return _TAG.sub(shown, text)  # an include in a comment is none


def _included(path: Path, root: Path) -> str:
    return read(path, root).removesuffix("\n")


def _uses(tag: str, names: Container[str]) -> tuple[str, ...]:
    """The inputs that a tag names, but not what stands between quotes in it, in a comment, or as it is."""
    idle = tag.startswith("{#") or ((found := _KEYWORD.match(tag)) is not None and found[1] == "raw")
    words = [] if idle else re.findall(r"\w+", _QUOTED.sub("", tag))
    return tuple(word for word in words if word in names)


class _Cutter:
    """Cuts messages into words and tags."""

    def __init__(self, root: Path, names: frozenset[str]) -> None:
        self.root, self.names = root, names
        self._numbers = count()

    def pieces(self, source: Source, message: int, role: Role, arms: Arms = ()) -> Iterator[Piece]:
        """The pieces of a text in their order, those of an included file where it is included."""
        at = 0
        for tag in _TAG.finditer(source.text):
            yield from self._text(source, at, tag.start(), message, role, arms)
            at = tag.end()
            where = self._where(source, tag.start())
            if included := _INCLUDE.fullmatch(tag[0]):
                path = self.root / included[1]
                yield from self.pieces(Source(path, _included(path, self.root)), message, role, arms)
                continue
            arms = self._arms(tag[0], arms)
            used = _uses(tag[0], self.names)
            puts = tag[0].startswith("{{") or (_KEYWORD.match(tag[0], 0) is not None and "for" in tag[0].split())
            yield Piece("slot" if puts and used else "tag", tag[0], message, role, where, used, arms)
        yield from self._text(source, at, len(source.text), message, role, arms)

    def _arms(self, tag: str, arms: Arms) -> Arms:
        keyword = found[1] if (found := _KEYWORD.match(tag)) else ""
        if keyword in ("if", "for"):
            return (*arms, (next(self._numbers), 0))
        if keyword in ("elif", "else") and arms:
            block, arm = arms[-1]
            return (*arms[:-1], (block, arm + 1))
        return arms[:-1] if keyword in ("endif", "endfor") else arms

    def _text(self, source: Source, start: int, end: int, message: int, role: Role, arms: Arms) -> Iterator[Piece]:
        at = start
        for line in source.text[start:end].split("\n"):
            if line.strip():
                yield Piece("text", line, message, role, self._where(source, at), (), arms)
            at += len(line) + 1

    def _where(self, source: Source, offset: int) -> str:
        before = source.text[:offset]
        return f"{source.path}:{source.line + before.count(chr(10))}:{offset - before.rfind(chr(10))}"
