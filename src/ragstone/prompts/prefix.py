"""Knows how much of a prompt's beginning is the same for every question, where a server's prefix cache can serve it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from jinja2 import Environment, nodes

from ragstone.prompts.canary import PLACE
from ragstone.prompts.marks import SIGNS
from ragstone.prompts.tokens import PER_MESSAGE, Counter
from ragstone.types import Message

if TYPE_CHECKING:
    from ragstone.prompts.template import Body

__all__ = ["Head", "Prefix", "head", "prefix"]


@dataclass(frozen=True, slots=True)
class Head:
    """The words with which a message always begins; `whole` says that it has no others.

    `sign` is where they name the sign of a datamark: the usual one stands there, and seldom another.
    """

    text: str
    whole: bool
    sign: int | None = None

    def before_the_sign(self) -> Head:
        """What stays the same also where another sign had to be taken."""
        return self if self.sign is None else Head(self.text[: self.sign], False)


@dataclass(frozen=True, slots=True)
class Prefix:
    """The messages that are always the same, and the words with which the next one always begins."""

    messages: tuple[Message, ...]
    words: str = ""

    def tokens(self, counter: Counter) -> int:
        """Its length. Where two tokens meet at its end, a tokenizer may join them, so it can be one too many."""
        return sum(counter.count(each.content) + PER_MESSAGE for each in self.messages) + counter.count(self.words)

    def whole(self, sent: Sequence[Message]) -> int:
        """How many of the first messages that are sent lie wholly in it."""
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self.messages, sent, strict=False)))


def head(text: str, environment: Environment, includes: Mapping[str, str]) -> Head:
    """What of a template stands before its first tag that depends on a value."""
    said: list[str] = []
    signs: list[int] = []
    whole = _gather(environment.parse(text), environment, includes, said, signs)
    return Head("".join(said), whole, len("".join(said[: signs[0]])) if signs else None)


def _gather(
    tree: nodes.Template, environment: Environment, includes: Mapping[str, str], said: list[str], signs: list[int]
) -> bool:
    """Adds the pieces of a template to `said`, and to `signs` which of them are signs; whether these are all."""
    for node in tree.body:
        for part in node.nodes if isinstance(node, nodes.Output) else [node]:
            match part:
                case nodes.TemplateData(data=data):
                    said.append(data)
                case nodes.Name(name="mark"):
                    signs.append(len(said))
                    said.append(SIGNS[0])
                case nodes.Name(name="canary"):
                    said.append(PLACE)
                case nodes.Include(template=nodes.Const(value=str(name))):
                    if not _gather(environment.parse(includes[name]), environment, includes, said, signs):
                        return False
                case _:
                    return False
    return True


def prefix(
    body: Body,
    rendered: Sequence[Message],
    *,
    examples: Sequence[Message],
    static: bool,
    turns: bool,
    usual_sign: bool = True,
    code: str = "",
) -> Prefix:
    """The stable beginning of a body with these examples after its instructions, and earlier turns or none.

    `rendered` are the body's own messages. Examples chosen for each question end it, and so do earlier turns. Where the
    passages hold the usual sign of a datamark, it ends where another one is named. `code` is the canary.
    """
    last = max((place for place, message in enumerate(rendered) if message.role == "user"), default=0)
    found: list[Message] = []
    own = 0
    shown = False
    heads = body.heads if usual_sign else [each.before_the_sign() for each in body.heads]
    heads = [Head(each.text.replace(PLACE, code), each.whole) for each in heads]
    for (role, _), each in zip(body.messages, heads, strict=True):
        if role != "system" and not shown:
            shown = True
            if examples and not static:
                break
            found += examples
        if turns and own == last:
            break
        if not each.whole:
            follows = own < len(rendered) and rendered[own].role == role and rendered[own].content.startswith(each.text)
            return Prefix(tuple(found), each.text if follows else "")
        if each.text.strip():
            found.append(Message(role, each.text))
            own += 1
    return Prefix(tuple(found))
