"""Compiles the body of a prompt file: first its messages, then the slots in each, and only later come the values.

The body is cut at the role markers that its author wrote, and each message becomes a template of its own. A value is
put in afterwards, so whatever it holds, it opens no message and no tag.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from jinja2 import DictLoader, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ragstone.errors import PromptError
from ragstone.prompts import wire
from ragstone.prompts.prefix import Head, head
from ragstone.prompts.syntax import FILTERS, Checker, Source
from ragstone.types import Message, Role

__all__ = ["Body", "compile_body", "plain"]

LONGEST_MESSAGE = 10_000_000  # characters


@dataclass(frozen=True, slots=True)
class Body:
    """Compiled messages with the words that each begins with, the variables used, the text of each file included."""

    path: Path
    messages: tuple[tuple[Role, Template], ...]
    heads: tuple[Head, ...]
    uses: frozenset[str]
    includes: Mapping[str, str]

    def render(self, values: Mapping[str, object]) -> list[Message]:
        """The messages with the values in place. One that holds only whitespace is left out.

        Raises PromptError when a template cannot take its values, or makes too much of them.
        """
        return self.filled(values)[0]

    def filled(
        self, values: Mapping[str, object], *, tokens: Collection[str] = ()
    ) -> tuple[list[Message], tuple[str, ...]]:
        """What `render` makes, and the special tokens that only the template made whole: they are broken up here.

        `tokens` are those of the model, beside the common ones.
        """
        made = [wire.joined(self._pieces(template, values), tokens) for _, template in self.messages]
        messages = [Message(role, text) for (role, _), (text, _) in zip(self.messages, made, strict=True)]
        broken = dict.fromkeys(token for _, found in made for token in found)
        return [message for message in messages if message.content.strip()], tuple(broken)

    def _pieces(self, template: Template, values: Mapping[str, object]) -> list[str]:
        pieces: list[str] = []
        size = 0
        try:
            for piece in template.generate(values):
                pieces.append(piece)
                size += len(piece)
                if size > LONGEST_MESSAGE:
                    raise ValueError(f"a message of more than {LONGEST_MESSAGE:,} characters")
        except Exception as error:  # a filter or a comparison may raise anything, as Python does
            raise PromptError(f"cannot be rendered with these values: {error}", where=str(self.path)) from error
        return pieces


def plain(value: object) -> str:
    r"""A value as it stands in a prompt: a text as it is, a list line by line, an absent value as nothing.

    >>> plain(["a", 2, True])
    'a\n2\ntrue'
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "\n".join(plain(item) for item in cast("Sequence[object]", value))
    return str(value)


def compile_body(body: Source, *, root: Path, names: Collection[str], opening: Source | None = None) -> Body:
    """Compiles a body whose variables are these names, with files included from the folder `root`.

    The first system message begins with `opening`; where there is none, `opening` is one.

    Raises PromptError for the first fault; its `faults` hold every one that was found.
    """
    environment = _environment()
    checker = Checker(root, names, environment)
    messages = checker.messages(body)
    if opening is not None:
        messages = _opened(messages, checker.part(opening))
    if checker.faults:
        first = checker.faults[0]
        first.faults = tuple(checker.faults)
        raise first
    environment.loader = DictLoader(checker.includes)
    try:
        templates: tuple[tuple[Role, Template], ...] = tuple(
            (role, environment.from_string(source.text)) for role, source in messages
        )
        for name in checker.includes:
            environment.get_template(name)
    except (RecursionError, SyntaxError) as error:  # Python allows twenty loops in one another
        raise PromptError(f"is no template: {error}", where=body.where(1)) from error
    includes = dict(sorted(checker.includes.items()))
    heads = tuple(head(source.text, environment, includes) for _, source in messages)
    return Body(path=body.path, messages=templates, heads=heads, uses=frozenset(checker.uses), includes=includes)


def _opened(messages: list[tuple[Role, Source]], opening: Source) -> list[tuple[Role, Source]]:
    """The messages, the first system message with that beginning."""
    if not messages or messages[0][0] != "system":
        return [("system", opening), *messages]
    first = messages[0][1]
    return [("system", Source(first.path, f"{opening.text}\n\n{first.text}", first.line)), *messages[1:]]


def _put(value: object) -> str:
    """A value as Jinja puts it in: a piece that is told apart from the words of the file."""
    return plain(value) if wire.is_authored(value) else wire.Given(plain(value))


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja with nothing in it but the few filters: no function, no test, no attribute of a value."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, finalize=_put
    )
    filters = cast("dict[str, Any]", environment.filters)  # pyright: ignore[reportUnknownMemberType]
    environment.filters = {name: filters[name] for name in FILTERS}
    environment.globals = {}
    environment.tests = {}
    return environment
