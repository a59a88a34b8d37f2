"""The texts of a prompt as a person reads them: without the signs of a datamark, and decoded; and the way back."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ragstone.errors import NotAllowed
from ragstone.pipelines.spec import FieldName
from ragstone.prompts.marks import unsigned
from ragstone.types import Message, Prompt, Slot
from ragstone.validation.personal.pseudonyms import narrowed

__all__ = ["Part", "Places", "edited", "fields_of", "loosely", "parts_of"]

_CODED = re.compile(
    r"(?<![A-Za-z0-9+/=])(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![A-Za-z0-9+/=])"
)

_WORD = re.compile(r"[^\W_]+")

NAMED: dict[str, FieldName] = {
    "question": "question",
    "passages": "passages",
    "history": "history",
    "examples": "examples",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the text of one slot stands in a message: the beginnings, in order, of ranges of one length."""

    field: FieldName
    starts: Sequence[int]
    length: int

    def hold(self, start: int, end: int) -> bool:
        """Whether one of them holds all of a range."""
        at = bisect_right(self.starts, start)
        return bool(at) and end <= self.starts[at - 1] + self.length


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A text of a message as it reads. `places[i]` is where its character i stands in the message.

    One that was `coded` stands from `start` to `end` of the message in base64, and its places are its own.
    """

    message: int
    text: str
    places: Sequence[int]
    start: int = 0
    end: int = 0
    coded: bool = False

    def fields_at(self, start: int, end: int, places: Mapping[int, Sequence[Places]]) -> set[FieldName]:
        """The fields of the prompt that hold all of a range of the text; none for what the template has changed.

        They are several where the value of one stands in another: `de` is a language, and a part of `jane.doe@firma.de`
        too, of which it is no more than a part.
        """
        own = (self.start, self.end) if self.coded else (self.places[start], self.places[end - 1] + 1)
        return {one.field for one in places.get(self.message, ()) if one.hold(*own)}

    def others(
        self, values: Mapping[str, str], spans: Sequence[tuple[int, int, str]]
    ) -> Iterator[tuple[int, int, str]]:
        """Where else values stand that are known from elsewhere: a number whose name is only said in the question.

        `values` are as `loosely` writes them, with their types. Whatever marks and spaces stand between their words,
        they are found: what is not quite the same value is none to be let out either.
        """
        wanted = {_bare(value) for value in values}
        lengths = sorted({len(value) for value in wanted}, reverse=True)
        text = narrowed(self.text)
        words = [*_WORD.finditer(text)] if wanted else []
        folded = [word[0].casefold() for word in words]
        begins = [0, *accumulate(map(len, folded))]
        ends = {end: word.end() for end, word in zip(begins[1:], words, strict=True)}
        whole, last = "".join(folded), 0
        for begin, word in zip(begins, words, strict=False):
            for length in lengths:
                if begin + length in ends and whole[begin : begin + length] in wanted:
                    start, end = _around(text, word.start(), ends[begin + length])
                    type_ = values.get(loosely(text[start:end]))
                    if start >= last and type_ is not None and _free(start, end, spans):
                        yield start, end, type_
                        last = end
                        break


def loosely(value: str) -> str:
    """A value as it is looked for: all that holds digits without its marks, so that none gets out in another writing.

    >>> loosely("12 Harbour Road, Bergen") == loosely("12 harbour road Bergen")
    True
    """
    folded = narrowed(value).casefold()
    if "@" in folded or not any(letter.isdigit() for letter in folded):
        return " ".join(folded.split())
    return re.sub(r"[\W_]+", "", folded)


def _bare(value: str) -> str:
    return "".join(_WORD.findall(value)).casefold()


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """A range with the plus before it, and with the brackets of which it holds the other half."""
    opened, closed = text.count("(", start, end), text.count(")", start, end)
    for _ in range(2):
        before = text[start - 1 : start]
        if (before == "+" and text[start] in "(0123456789") or (before == "(" and opened < closed):
            opened += before == "("
            start -= 1
    if text[end : end + 1] == ")" and closed < opened:
        end += 1
    return start, end


def _free(start: int, end: int, spans: Sequence[tuple[int, int, str]]) -> bool:
    """Whether a range overlaps none of these, which are in order."""
    at = bisect_right(spans, start, key=lambda span: span[0])
    return not (at and spans[at - 1][1] > start) and not (at < len(spans) and spans[at][0] < end)


def parts_of(prompt: Prompt, *, where: str) -> list[Part]:
    """Every text of a prompt. Raises NotAllowed where one is encoded and its template has changed it."""
    signs = sorted({slot.sign for slot in prompt.slots if slot.sign})
    coded = [slot for slot in prompt.slots if slot.mark == "encode" and slot.text]
    for slot in coded:
        if not any(slot.text in message.content for message in prompt.messages):
            raise NotAllowed(f"{slot.name} is encoded, and nobody can look for personal data in it", where=where)
    found: list[Part] = []
    for number, message in enumerate(prompt.messages):
        if coded:
            found += _decoded(number, message.content)
        read = unsigned(message.content, signs)
        found.append(Part(number, *read))
    return found


def _decoded(number: int, content: str) -> Iterator[Part]:
    for found in _CODED.finditer(content):
        try:
            text = b64decode(found[0], validate=True).decode(errors="surrogatepass")
        except (binascii.Error, UnicodeDecodeError):
            continue
        yield Part(number, text, range(len(text) + 1), found.start(), found.end(), coded=True)


def fields_of(prompt: Prompt) -> Mapping[int, Sequence[Places]]:
    """Where the values of the slots stand in each message."""
    found: dict[int, list[Places]] = {}
    for slot in prompt.slots:
        if not slot.text:
            continue
        for number, message in enumerate(prompt.messages):
            starts: list[int] = []
            at = message.content.find(slot.text)
            while at >= 0:
                starts.append(at)
                at = message.content.find(slot.text, at + len(slot.text))
            if starts:
                found.setdefault(number, []).append(Places(_field(slot), starts, len(slot.text)))
    return found


def _field(slot: Slot) -> FieldName:
    """What a slot is called in the file of a pipeline."""
    return NAMED.get(slot.name, "tools" if slot.trust == "tool" else "inputs")


def edited(
    messages: Sequence[Message], parts: Sequence[Part], changes: Mapping[Part, Sequence[tuple[int, int, str]]]
) -> tuple[Message, ...]:
    """The messages with the changes of their parts: of what overlaps the first, and what was coded is coded again."""
    own: dict[int, list[tuple[int, int, str]]] = {}
    for part in parts:
        if part not in changes:
            continue
        if part.coded:
            text = _put(part.text, changes[part])
            own.setdefault(part.message, []).append((part.start, part.end, _code(text)))
        else:
            places = part.places
            at = [(places[start], places[end - 1] + 1, name) for start, end, name in changes[part]]
            own.setdefault(part.message, []).extend(at)
    return tuple(
        replace(message, content=_put(message.content, own[number])) if number in own else message
        for number, message in enumerate(messages)
    )


def _code(text: str) -> str:
    return b64encode(text.encode(errors="surrogatepass")).decode()


def _put(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end, name in sorted(changes, key=lambda one: (one[0], -one[1])):
        if start >= at:
            pieces += [text[at:start], name]
        at = max(at, end)
    return "".join([*pieces, text[at:]])
