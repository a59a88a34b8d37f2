"""A template between two languages: text, values, blocks and roles, with every expression already in our Jinja."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["For", "History", "If", "Node", "Print", "RoleMark", "Text", "blank", "quoted", "written"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words that stand as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Print:
    """The value of an expression."""

    expression: str


@dataclass(frozen=True, slots=True)
class If:
    """The body of the first condition that holds, or else the last body."""

    branches: tuple[tuple[str, tuple[Node, ...]], ...]
    otherwise: tuple[Node, ...]
    where: str


@dataclass(frozen=True, slots=True)
class For:
    """The body for each item, or else the last body. `head` is what stands between `for` and the end of the tag."""

    head: str
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    where: str


@dataclass(frozen=True, slots=True)
class RoleMark:
    """A new message begins, with the role as its author wrote it."""

    role: str
    where: str


@dataclass(frozen=True, slots=True)
class History:
    """The earlier turns stand here. What follows is said in the role `then`."""

    then: str
    where: str


Node: TypeAlias = Text | Print | If | For | RoleMark | History

_OPENING = re.compile(r"\{[{%#]|\{\Z|\r")
_ROLE_LINE = re.compile(r"(system|developer|user|assistant|tool|function)[ \t]*:[ \t]*", re.IGNORECASE)
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}


def written(nodes: Sequence[Node]) -> str:
    """The nodes as text of a prompt file. Whatever is text in the original stays text here."""
    lines = "".join(_pieces(nodes)).split("\n")
    return "\n".join(f"{{{{ {quoted(line)} }}}}" if _ROLE_LINE.fullmatch(line) else line for line in lines)


def _pieces(nodes: Sequence[Node]) -> Iterable[str]:
    for node in joined(nodes):
        match node:
            case Text(text):
                yield _OPENING.sub(lambda found: f"{{{{ {quoted(found[0])} }}}}", text)
            case Print(expression):
                yield f"{{{{ {expression} }}}}"
            case If(branches, otherwise):
                for index, (condition, body) in enumerate(branches):
                    yield f"{{% {'elif' if index else 'if'} {condition} %}}"
                    yield from _pieces(body)
                yield from _else(otherwise)
                yield "{% endif %}"
            case For(head, body, otherwise):
                yield f"{{% for {head} %}}"
                yield from _pieces(body)
                yield from _else(otherwise)
                yield "{% endfor %}"
            case RoleMark() | History():  # `messages` has taken those that can be
                pass


def _else(nodes: Sequence[Node]) -> Iterable[str]:
    if nodes:
        yield "{% else %}"
        yield from _pieces(nodes)


def joined(nodes: Sequence[Node]) -> list[Node]:
    """The same nodes with neighbouring texts as one, since `{` and `%` mean something only together."""
    made: list[Node] = []
    for node in nodes:
        if isinstance(node, Text) and made and isinstance(made[-1], Text):
            made[-1] = Text(made[-1].text + node.text)
        elif not isinstance(node, Text) or node.text:
            made.append(node)
    return made


def blank(nodes: Sequence[Node]) -> bool:
    """Whether the nodes say nothing."""
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)


def quoted(text: str) -> str:
    r"""A text as a constant of Jinja.

    >>> quoted("it's")
    "'it\\'s'"
    """
    return "'" + "".join(_ESCAPES.get(character, character) for character in text) + "'"
