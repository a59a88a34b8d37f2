"""Says a Handlebars or Mustache template in our part of Jinja.

    {{#if tone}}Write in a {{tone}} tone.{{else}}Be plain.{{/if}}
    {% if tone %}Write in a {{ tone }} tone.{% else %}Be plain.{% endif %}

A tag that cannot be said is left out, a block with all that is in it, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from ragstone.errors import PromptError
from ragstone.prompts.importing.inputs import Inputs, Steps
from ragstone.prompts.importing.losses import Losses, NoCounterpartError
from ragstone.prompts.importing.nodes import For, History, If, Node, RoleMark, Text, quoted
from ragstone.prompts.importing.printing import printed
from ragstone.prompts.importing.tags import Tag, cut, place
from ragstone.prompts.syntax import Source

__all__ = ["Dialect", "translated"]

DEEPEST = 20  # blocks in one another, and partials: as many as Python allows loops

_WORDS = re.compile(r'"(?:\\.|[^"])*"|\'(?:\\.|[^\'])*\'|\([^)]*\)|\[[^\]]*\]|[^\s"\'()\[]+(?:\[[^\]]*\][^\s]*)*')
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_STEP = re.compile(r"\[([^\]]*)\]|([^./\[\]]+)")
_WHY = {
    "media": "Pictures, sound and files are not sent.",
    "section": "Sections are for programs that fill them in.",
    "json": "A value is written as it is, never as JSON.",
    "lookup": "A value has no parts.",
    "log": "A prompt writes no log.",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between Handlebars and Mustache. `partial` gives the text of a partial, or nothing."""

    mustache: bool = False
    partial: Callable[[str], Source | None] = field(default=lambda name: None)


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its two bodies."""

    tag: Tag
    body: tuple[Piece, ...]
    inverse: tuple[Piece, ...]


Piece: TypeAlias = str | Tag | Block


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a name is looked up: among the inputs under these steps, or it is an item of a loop."""

    steps: Steps = ()
    item: str = ""
    kind: str = ""  # of the item
    names: Mapping[str, str] = field(default_factory=dict[str, str])  # `as |name|`


@dataclass(frozen=True, slots=True)
class Value:
    """A value as an expression of ours, and what is known of it."""

    expression: str
    kind: str
    items: str = ""


def translated(source: Source, dialect: Dialect, inputs: Inputs, losses: Losses) -> list[Node]:
    """The template as nodes whose expressions are ours. Raises PromptError where a tag or block has no end."""
    return list(_Translation(source, dialect, inputs, losses).nodes())


# ── Blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tree(source: Source, *, mustache: bool) -> tuple[Piece, ...]:
    parts = cut(source, mustache=mustache)
    body, end, _ = _until(parts, 0, None, source, 0)
    if end < len(parts):
        tag = parts[end]
        assert isinstance(tag, Tag)
        raise PromptError(f"{tag.shown} closes or divides no block", where=place(source, tag.start))
    return body


def _until(
    parts: Sequence[str | Tag], at: int, opener: Tag | None, source: Source, depth: int
) -> tuple[tuple[Piece, ...], int, Tag | None]:
    """The pieces up to the tag that ends them, the place of that tag, and the tag."""
    if depth > DEEPEST:
        raise PromptError(
            f"more than {DEEPEST} blocks stand in one another", where=place(source, opener.start if opener else 0)
        )
    made: list[Piece] = []
    while at < len(parts):
        part = parts[at]
        if isinstance(part, str) or part.kind in ("", ">", "!", "raw", "literal"):
            made.append(part)
            at += 1
        elif part.kind in ("/", "else"):
            return tuple(made), at, part
        else:
            block, at = _block(parts, at, source, depth)
            made.append(block)
    if opener is not None:
        raise PromptError(f"{opener.shown} has no end", where=place(source, opener.start))
    return tuple(made), at, None


def _block(parts: Sequence[str | Tag], at: int, source: Source, depth: int) -> tuple[Block, int]:
    tag = parts[at]
    assert isinstance(tag, Tag)
    body, at, end = _until(parts, at + 1, tag, source, depth + 1)
    inverse: tuple[Piece, ...] = ()
    if end is not None and end.kind == "else":
        if end.words:  # `else if`: a block of its own, which ends where this one does
            again = [replace(end, kind="#"), *parts[at + 1 :]]
            nested, used = _chained(again, tag, source, depth)
            inverse, at, end = (nested,), at + used, None
        else:
            inverse, at, end = _until(parts, at + 1, tag, source, depth + 1)
            if end is not None and end.kind == "else":
                raise PromptError("a block has two else", where=place(source, end.start))
    if end is not None:
        _check_end(tag, end, source)
    return Block(tag, *((inverse, body) if tag.kind == "^" else (body, inverse))), at + 1


def _chained(parts: Sequence[str | Tag], opener: Tag, source: Source, depth: int) -> tuple[Block, int]:
    tag = parts[0]
    assert isinstance(tag, Tag)
    body, at, end = _until(parts, 1, opener, source, depth + 1)
    inverse: tuple[Piece, ...] = ()
    if end is not None and end.kind == "else":
        if end.words:
            nested, used = _chained([replace(end, kind="#"), *parts[at + 1 :]], opener, source, depth + 1)
            return Block(tag, body, (nested,)), at + used
        inverse, at, end = _until(parts, at + 1, opener, source, depth + 1)
    if end is not None:
        _check_end(opener, end, source)
    return Block(tag, body, inverse), at


def _check_end(opener: Tag, end: Tag, source: Source) -> None:
    name = opener.words.removeprefix(">").split()[0]
    if end.kind != "/" or end.words.split()[0] != name:
        where = place(source, end.start)
        raise PromptError(f"{end.shown} does not close {opener.shown}", where=where, expected=f"{{{{/{name}}}}}")


# ── Tags ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Translation:
    def __init__(self, source: Source, dialect: Dialect, inputs: Inputs, losses: Losses, *, depth: int = 0) -> None:
        self.source, self.dialect, self.inputs, self.losses, self.depth = source, dialect, inputs, losses, depth

    def nodes(self, scopes: tuple[Scope, ...] = (Scope(),)) -> Iterator[Node]:
        return self._all(_tree(self.source, mustache=self.dialect.mustache), scopes)

    def _all(self, pieces: Sequence[Piece], scopes: tuple[Scope, ...]) -> Iterator[Node]:
        for piece in pieces:
            if isinstance(piece, str):
                yield Text(piece)
                continue
            tag = piece if isinstance(piece, Tag) else piece.tag
            where = place(self.source, tag.start)
            try:
                # As a list, so that a block which cannot be said leaves nothing behind.
                made = list(
                    self._tag(piece, scopes, where) if isinstance(piece, Tag) else self._block(piece, scopes, where)
                )
            except NoCounterpartError as error:
                what = tag.shown if isinstance(piece, Tag) else f"the block {tag.shown}"
                self.losses.leave_out(where, " ".join(what.split()), str(error))
            else:
                yield from made

    def _tag(self, tag: Tag, scopes: tuple[Scope, ...], where: str) -> Iterator[Node]:
        if tag.kind == "!":
            self.losses.leave_out(where, "a comment", "A prompt file holds what is said, and no more.")
        elif tag.kind == ">":
            yield from self._partial(tag, scopes, where)
        elif tag.kind == "literal":
            yield Text(tag.words)
        elif tag.kind == "raw":
            raise NoCounterpartError("There is no such block here.")
        else:
            yield from self._value(tag, scopes, where)

    def _value(self, tag: Tag, scopes: tuple[Scope, ...], where: str) -> Iterator[Node]:
        words = _WORDS.findall(tag.words)
        if self.dialect.mustache:
            words = [tag.words]
        elif words[0] == "history" and len(words) == 1:
            yield History("assistant", where)
            return
        elif words[0] == "role" and len(words) == 2 and words[1][:1] in "\"'":
            yield RoleMark(words[1][1:-1], where)
            return
        elif len(words) > 1 or words[0] in _WHY or words[0].startswith(("(", '"', "'")):
            raise NoCounterpartError(_WHY.get(words[0], "It calls a helper, and there are none here."))
        value = self._of(words[0], scopes, "print", where)
        yield from printed(
            value.expression, value.kind, value.items, python=self.dialect.mustache, losses=self.losses, where=where
        )
        if self.dialect.mustache and not tag.triple and value.kind in ("", "string", "array"):
            noted = any(loss.why == _BARE for loss in self.losses.found)
            if not noted:
                self.losses.change(where, tag.shown, _BARE)

    def _partial(self, tag: Tag, scopes: tuple[Scope, ...], where: str) -> Iterator[Node]:
        words = _WORDS.findall(tag.words)
        if len(words) != 1:
            raise NoCounterpartError("A partial takes no values here.")
        source = self.dialect.partial(words[0].strip("\"'"))
        if source is None:
            raise NoCounterpartError("There is no such partial beside the file.")
        if self.depth >= DEEPEST:
            raise NoCounterpartError("It holds itself.")
        if tag.indent:
            self.losses.change(where, tag.shown, "The lines of the partial are not indented.")
        inner = _Translation(source, self.dialect, self.inputs, self.losses, depth=self.depth + 1)
        yield from inner.nodes(scopes[-1:])

    def _block(self, block: Block, scopes: tuple[Scope, ...], where: str) -> Iterator[Node]:
        if block.tag.words.startswith((">", "*")):
            raise NoCounterpartError("A partial takes no values here.")
        head, _, names = block.tag.words.partition(" as |")
        name, *given = [block.tag.words] if self.dialect.mustache else _WORDS.findall(head)
        if name in ("if", "unless") and given and not self.dialect.mustache:
            condition = self._condition(given, scopes, where)
            condition = condition if name == "if" else f"not {condition}"
            yield self._if(condition, block, scopes, where)
        elif name == "each" and len(given) == 1 and not self.dialect.mustache:
            yield self._each(given[0], names.rstrip("|").split(), block, scopes, where)
        elif name == "with" and len(given) == 1 and not self.dialect.mustache:
            yield from self._with(given[0], block, scopes, where)
        elif name in ("ifEquals", "unlessEquals") and len(given) == 2:
            sign = "==" if name == "ifEquals" else "!="
            yield self._if(self._equal(given, sign, scopes, where), block, scopes, where)
        elif given or (self.dialect.mustache is False and name in ("if", "each", "with", "unless")):
            raise NoCounterpartError("It calls a helper, and there are none here.")
        else:
            yield self._section(name, block, scopes, where)

    def _if(self, condition: str, block: Block, scopes: tuple[Scope, ...], where: str) -> If:
        body, other = tuple(self._all(block.body, scopes)), tuple(self._all(block.inverse, scopes))
        if (
            len(other) == 1
            and isinstance(other[0], If)
            and len(block.inverse) == 1
            and not isinstance(block.inverse[0], str)
        ):
            return If(((condition, body), *other[0].branches), other[0].otherwise, where)
        return If(((condition, body),), other, where)

    def _each(self, path: str, names: list[str], block: Block, scopes: tuple[Scope, ...], where: str) -> For:
        items = self._of(path, scopes, "loop", where)
        if items.kind not in ("", "array") or items.expression in (scope.item for scope in scopes):
            raise NoCounterpartError("The items of a list are texts and numbers here, with nothing inside.")
        taken = {given.name for given in self.inputs.found.values()} | set(re.findall(r"\w+", self.source.text))
        taken |= {scope.item for scope in scopes}
        item = next(name for name in ("item", *(f"item_{number}" for number in range(2, 999))) if name not in taken)
        scope = Scope(item=item, kind=items.items, names=dict(zip(names, (item, "@index"), strict=False)))
        body = tuple(self._strictly(block.body, (*scopes, scope)))
        return For(f"{item} in {items.expression}", body, tuple(self._all(block.inverse, scopes)), where)

    def _strictly(self, pieces: Sequence[Piece], scopes: tuple[Scope, ...]) -> list[Node]:
        """The body of a loop. One that asks its items for parts is for lists that nobody can give, so it goes."""
        before = len(self.losses.found)
        made = list(self._all(pieces, scopes))
        lost = self.losses.found[before:]
        if any(loss.why == _NO_PARTS for loss in lost):
            del self.losses.found[before:]
            raise NoCounterpartError(_NO_PARTS)
        return made

    def _with(self, path: str, block: Block, scopes: tuple[Scope, ...], where: str) -> Iterator[Node]:
        steps = self._steps(path, scopes)
        if steps is None:
            raise NoCounterpartError(_NO_PARTS)
        self.losses.change(where, block.tag.shown, "The block is said always, whether the value is given or not.")
        yield from self._all(block.body, (*scopes, Scope(steps=steps)))

    def _section(self, name: str, block: Block, scopes: tuple[Scope, ...], where: str) -> Node:
        """`{{#name}}`: a list repeats the block, a boolean shows it."""
        kind = self._peek(name, scopes)
        if not kind:
            inside = re.search(r"\{\{[{&]?\s*(\.|this)\s*\}", self._text_of(block))
            steps = self._steps(name, scopes)
            known = self.inputs.found.get(steps) if steps else None
            kind = "array" if inside or (known and "loop" in known.uses) else "boolean"
        if kind == "array" and block.tag.kind == "#":
            return self._each(name, [], block, scopes, where)
        if kind not in ("boolean", "array"):
            raise NoCounterpartError("It steps into a value that is neither a list nor true or false.")
        value = self._of(name, scopes, "loop" if kind == "array" else "condition", where)
        if block.inverse and not block.body:
            return self._if(f"not {value.expression}", replace(block, body=block.inverse, inverse=()), scopes, where)
        return self._if(value.expression, block, scopes, where)

    def _text_of(self, block: Block) -> str:
        made = ""
        for piece in (*block.body, *block.inverse):
            made += piece if isinstance(piece, str) else piece.shown if isinstance(piece, Tag) else self._text_of(piece)
        return made

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _condition(self, given: Sequence[str], scopes: tuple[Scope, ...], where: str) -> str:
        if len(given) != 1 or given[0].startswith("("):
            raise NoCounterpartError("Its condition is more than one value.")
        return self._of(given[0], scopes, "condition", where).expression

    def _equal(self, given: Sequence[str], sign: str, scopes: tuple[Scope, ...], where: str) -> str:
        how = "number" if any(_NUMBER.fullmatch(word) for word in given) else "print"
        left, right = (self._of(word, scopes, how, where) for word in given)
        if "''" in (left.expression, right.expression):
            self.losses.change(where, "a comparison with an empty text", "A value that is not given is empty here.")
        return f"{left.expression} {sign} {right.expression}"

    def _of(self, word: str, scopes: tuple[Scope, ...], how: str, where: str) -> Value:
        if word[:1] in ("'", '"') and not self.dialect.mustache:
            return Value(quoted(word[1:-1].replace(f"\\{word[0]}", word[0])), "string")
        if _NUMBER.fullmatch(word) and not self.dialect.mustache:
            return Value(word, "float" if "." in word else "integer")
        if word in ("true", "false") and not self.dialect.mustache:
            return Value(word, "boolean")
        if word.startswith("@"):
            return self._data(word, scopes, how, where)
        steps = self._steps(word, scopes)
        if steps is None:
            return self._item(word, scopes)
        if not steps:
            raise NoCounterpartError("There is no value for all of the inputs at once.")
        given = self.inputs.use(steps, how, where)
        return Value(given.name, given.kind, given.items)

    def _data(self, word: str, scopes: tuple[Scope, ...], how: str, where: str) -> Value:
        if word.startswith(("@root.", "@root/")):
            return self._of(word[6:], (Scope(),), how, where)
        if word in ("@first", "@last") and any(scope.item for scope in scopes):
            return Value(f"loop.{word[1:]}", "boolean")
        if word in ("@index", "@key"):
            raise NoCounterpartError("Items are counted from 1 here, with {{ loop.index }}.")
        raise NoCounterpartError("A program gives this value, and here it gives inputs alone.")

    def _peek(self, word: str, scopes: tuple[Scope, ...]) -> str:
        steps = self._steps(word, scopes)
        if steps is None:
            return "item"
        return self.inputs.found[steps].kind if steps in self.inputs.found else ""

    def _item(self, word: str, scopes: tuple[Scope, ...]) -> Value:
        while word.startswith("../"):
            word, scopes = word[3:], scopes[:-1]
        for scope in reversed(scopes):
            if word in scope.names:
                if scope.names[word] == "@index":
                    raise NoCounterpartError("Items are counted from 1 here, with {{ loop.index }}.")
                return Value(scope.names[word], scope.kind)
        if word in (".", "this", "..") and scopes and scopes[-1].item:
            return Value(scopes[-1].item, scopes[-1].kind)
        raise NoCounterpartError(_NO_PARTS)

    def _steps(self, word: str, scopes: tuple[Scope, ...]) -> Steps | None:
        """The path among the inputs that a word means, or nothing when it means an item."""
        if not self.dialect.mustache:
            while word.startswith("..") and len(scopes) > 1:
                word, scopes = word[2:].removeprefix("/"), scopes[:-1]
            if word.startswith(".."):
                raise NoCounterpartError("There is nothing around the inputs.")
        word = word.removeprefix("./")
        dotted = word in ("", ".", "this")
        steps = tuple(bracketed or plain for bracketed, plain in _STEP.findall(word)) if not dotted else ()
        if steps[:1] == ("this",):
            steps = steps[1:]
        if any(steps[:1] == (name,) for scope in scopes for name in scope.names):
            return None
        around = list(scopes)
        if around[-1].item:
            outer = [scope for scope in around if not scope.item]
            return (*outer[-1].steps, *steps) if self.dialect.mustache and steps else None
        return (*around[-1].steps, *steps)


_NO_PARTS = "The items of a list are texts and numbers here, with nothing inside."
_BARE = "Nothing is escaped in a prompt: & stays & in this and every other value."
