"""Checks the words of a prompt: where its messages begin, and which tags stand in them.

The language is a small part of Jinja: variables, a few filters, `if`, `for`, comparisons and `include`. Anything else
is an error with its line, and so is a variable that nobody gives:

    answer.prompty:31:4: unknown variable 'pasages'. Did you mean 'passages'?
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from jinja2 import Environment, TemplateSyntaxError, nodes

from ragstone.errors import PromptError, nearest
from ragstone.types import Role

__all__ = ["FILTERS", "Checker", "Source", "read", "read_raw"]

LONGEST_FILE = 1_000_000  # bytes

FILTERS = {
    "first": 0,
    "join": 1,
    "last": 0,
    "length": 0,
    "lower": 0,
    "replace": 2,
    "round": 1,
    "trim": 0,
    "upper": 0,
}
"""The filters, and how many arguments each takes. None of them reaches into a value's attributes."""

LOOP = ("first", "index", "last", "length")
"""What a `for` block may ask of its `loop`."""

_LEGAL = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Const,
        nodes.List,
        nodes.If,
        nodes.CondExpr,
        nodes.Compare,
        nodes.Operand,
        nodes.And,
        nodes.Or,
        nodes.Not,
    }
)
_SPOKEN = {
    "Assign": "set",
    "AssignBlock": "set",
    "Call": "a call",
    "FilterBlock": "a filter block",
    "FromImport": "import",
    "Getattr": "an attribute",
    "Getitem": "an index",
    "Test": "a test with 'is'",
}
"""What a person calls the tags that are not allowed; the others go by Jinja's own names."""

_MARKER = re.compile(r"(system|user|assistant):[ \t]*")
_NEARLY_MARKER = re.compile(r"(system|developer|user|assistant|tool|function)[ \t]*:[ \t]*", re.IGNORECASE)
_TAG = re.compile(r"\{[{%].*?[%}]\}")


@dataclass(frozen=True, slots=True)
class Source:
    """A text that an author wrote; `line` is the number that its first line has in the file."""

    path: Path
    text: str
    line: int = 1

    def where(self, line: int, word: str = "") -> str:
        """`path:line:column` in this text, counted from 1: of a word in a tag of that line, else of its first tag.

        A line without a tag has the column of its first character.
        """
        place, text = f"{self.path}:{self.line + line - 1}", self.text.split("\n")[line - 1]
        tags = list(_TAG.finditer(text))
        for tag in tags if word else ():
            if found := re.search(rf"\b{re.escape(word)}\b", tag[0]):
                return f"{place}:{tag.start() + found.start() + 1}"
        return f"{place}:{tags[0].start() + 1 if tags else len(text) - len(text.lstrip()) + 1}"


def read(path: Path, root: Path) -> str:
    """The text of a file in the folder of prompts. Raises PromptError when it lies outside, or is no readable text."""
    try:
        return read_raw(path, root, most=LONGEST_FILE).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise PromptError(f"cannot be read: {error}", where=str(path)) from error


def read_raw(path: Path, root: Path, *, most: int) -> bytes:
    """The bytes of a file in the folder of prompts, at most so many. Raises PromptError as `read` does."""
    where = str(path)
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise PromptError("lies outside the folder of prompts", where=where, expected=f"a file in {root}")
        if not path.is_file():
            siblings = [file.name for file in path.parent.glob("*")]
            raise PromptError("there is no such file", where=where, hint=nearest(path.name, siblings))
        if path.stat().st_size > most:
            raise PromptError(f"is longer than {most:,} bytes", where=where)
        return path.read_bytes()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a zero byte in the name, no UTF-8
        raise PromptError(f"cannot be read: {error}", where=where) from error


@dataclass(slots=True)
class Checker:
    """Checks one body with all that it includes, and gathers what it finds: faults, variables, included texts."""

    root: Path
    names: Collection[str]
    environment: Environment
    faults: list[PromptError] = field(default_factory=list[PromptError])
    uses: set[str] = field(default_factory=set[str])
    includes: dict[str, str] = field(default_factory=dict[str, str])
    _seen: set[tuple[str, frozenset[str]]] = field(default_factory=set[tuple[str, frozenset[str]]])

    def messages(self, body: Source) -> list[tuple[Role, Source]]:
        """The body cut at its role markers, each part checked."""
        parts = list(self._parts(body))
        if not any(role == "user" for role, _ in parts):
            self._fault("has no user message", str(body.path), hint="Write a line 'user:' and the question under it.")
        spoken = False
        for role, part in parts:
            if role == "system" and spoken:
                where, hint = part.where(1), "Move it to the beginning."
                self._fault("a system message stands after another role", where, hint=hint)
            spoken = spoken or role != "system"
            self._check(part, frozenset(self.names), ())
        return parts

    def part(self, source: Source) -> Source:
        """A text that stands in a message of the body, checked as one that is included."""
        text = Source(source.path, source.text.strip("\n"), source.line)
        self._included(source.path.relative_to(self.root).as_posix(), text, frozenset(self.names), ())
        return text

    def _fault(self, message: str, where: str, *, expected: str | None = None, hint: str | None = None) -> None:
        self.faults.append(PromptError(message, where=where, expected=expected, hint=hint))

    # ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _parts(self, body: Source) -> Iterator[tuple[Role, Source]]:
        role: Role | None = None
        lines: list[str] = []
        first = body.line
        for number, line in enumerate(body.text.split("\n"), body.line):
            marker = _MARKER.fullmatch(line)
            if marker is None:
                self._reject_marker(line, f"{body.path}:{number}:1")
                lines.append(line)
                continue
            yield from self._part(role, lines, first, body.path)
            role, lines, first = cast("Role", marker[1]), [], number + 1
        yield from self._part(role, lines, first, body.path)

    def _part(self, role: Role | None, lines: list[str], first: int, path: Path) -> Iterator[tuple[Role, Source]]:
        """One message, without the blank lines around it."""
        blank = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
        text = "\n".join(lines[blank:]).rstrip()
        if role is not None:
            yield role, Source(path, text, first + blank)
        elif text:
            where, expected = f"{path}:{first + blank}:1", "a line such as 'system:'"
            self._fault("text stands before the first role", where, expected=expected)

    def _reject_marker(self, line: str, where: str) -> None:
        if _NEARLY_MARKER.fullmatch(line):
            hint = f"To have the words themselves, write {{{{ '{line.strip()}' }}}}."
            self._fault(f"{line.strip()!r} is no role", where, expected="system:, user: or assistant:", hint=hint)

    # ── Tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self, source: Source, scope: frozenset[str], within: tuple[Path, ...]) -> None:
        try:
            tree = self.environment.parse(source.text)
        except TemplateSyntaxError as error:
            self._fault(f"is no template: {error.message}", source.where(error.lineno))
        except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
            self._fault(f"is no template: {error}", source.where(1))
        else:
            self._walk(tree, source, scope, within)

    def _walk(self, node: nodes.Node, source: Source, scope: frozenset[str], within: tuple[Path, ...]) -> None:
        """Checks a node and what is in it. `scope` are the variables known here, `within` the files included so far."""
        match node:
            case nodes.Include():
                self._include(node, source, scope, within)
            case nodes.For():
                self._for(node, source, scope, within)
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=asked) if asked in LOOP and "loop" in scope:
                pass
            case _:
                self._judge(node, source, scope)
                if type(node) in _LEGAL or isinstance(node, nodes.Filter):
                    for child in node.iter_child_nodes():
                        self._walk(child, source, scope, within)

    def _judge(self, node: nodes.Node, source: Source, scope: frozenset[str]) -> None:
        match node:
            case nodes.Name():
                self._name(node, source, scope)
            case nodes.Filter():
                self._filter(node, source)
            case nodes.CondExpr(expr2=None):
                self._fault("an 'if' inside {{ }} has no 'else'", source.where(node.lineno))
            case _ if type(node) not in _LEGAL:
                kind = type(node).__name__
                expected = "variables, if, for, include and the filters " + ", ".join(FILTERS)
                message = f"{_SPOKEN.get(kind, kind.lower())} cannot be used in a prompt"
                self._fault(message, source.where(node.lineno), expected=expected)
            case _:
                pass

    def _name(self, node: nodes.Name, source: Source, scope: frozenset[str]) -> None:
        if node.name in scope and node.name != "loop":
            self.uses |= {node.name} & set(self.names)
            return
        hint = nearest(node.name, scope - {"loop"}) or "Declare it under inputs."
        if node.name == "history":
            hint = "Earlier turns are sent as messages of their own, before the last user message."
        if node.name == "mark":
            hint = "Write `mark: datamark` under metadata.ragstone.passages: no other mark has a sign to name."
        self._fault(f"unknown variable {node.name!r}", source.where(node.lineno, node.name), hint=hint)

    def _filter(self, node: nodes.Filter, source: Source) -> None:
        where = source.where(node.lineno, node.name)
        if node.name not in FILTERS:
            expected = "one of " + ", ".join(FILTERS)
            self._fault(f"unknown filter {node.name!r}", where, expected=expected, hint=nearest(node.name, FILTERS))
        elif len(node.args) > FILTERS[node.name] or node.kwargs or node.dyn_args or node.dyn_kwargs:
            expected = f"at most {FILTERS[node.name]}, without names"
            self._fault(f"the filter {node.name!r} has other arguments", where, expected=expected)

    def _for(self, node: nodes.For, source: Source, scope: frozenset[str], within: tuple[Path, ...]) -> None:
        if node.recursive or not isinstance(node.target, nodes.Name):
            self._fault("is no plain loop", source.where(node.lineno), expected="{% for item in items %}")
            return
        inside = scope | {node.target.name, "loop"}
        self._walk(node.iter, source, scope, within)
        for child in (node.test, *node.body):
            if child is not None:
                self._walk(child, source, inside, within)
        for child in node.else_:
            self._walk(child, source, scope, within)

    def _include(self, node: nodes.Include, source: Source, scope: frozenset[str], within: tuple[Path, ...]) -> None:
        where = source.where(node.lineno)
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if not isinstance(name, str) or node.ignore_missing or not node.with_context:
            self._fault("include takes the name of one file", where, expected='{% include "parts/name.md" %}')
            return
        path = self.root / name
        try:
            text = read(path, self.root)
        except PromptError as error:
            message = f"{name!r} cannot be included: {error.message}"
            self._fault(message, where, expected=error.expected, hint=self._meant(name, source) or error.hint)
            return
        if path.resolve() in within:
            self._fault(f"{name!r} includes itself", where)
            return
        scope -= {"loop"}
        if (name, scope) not in self._seen:
            self._seen.add((name, scope))
            self._included(name, Source(path, text.removesuffix("\n")), scope, (*within, path.resolve()))

    def _meant(self, name: str, source: Source) -> str | None:
        """A hint for a name that was written as seen from the file instead of from the folder of prompts."""
        try:
            beside, root = (source.path.parent / name).resolve(), self.root.resolve()
            if not beside.is_relative_to(root) or not beside.is_file():
                return None
        except (OSError, RuntimeError, ValueError):  # as in `read`
            return None
        meant = beside.relative_to(root).as_posix()
        return f'Names begin at the folder {self.root.name}/: write {{% include "{meant}" %}}.'

    def _included(self, name: str, source: Source, scope: frozenset[str], within: tuple[Path, ...]) -> None:
        self.includes[name] = source.text
        for number, line in enumerate(source.text.split("\n"), 1):
            if _NEARLY_MARKER.fullmatch(line):
                self._fault(
                    "an included file holds a role", source.where(number), hint="Roles stand in the prompt itself."
                )
        self._check(source, scope, within)
