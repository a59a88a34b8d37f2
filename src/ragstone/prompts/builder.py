"""Builds the messages of one request: a prompt file with its values, the passages and the conversation so far.

What is sent keeps one order: instructions, examples, context, earlier turns, the question. So what stays the same from
one request to the next comes first, where a server's prefix cache can use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ragstone.errors import UsageError, nearest
from ragstone.prompts import selectors
from ragstone.prompts.budget import Kept, exchanges, fitted, in_order, limit
from ragstone.prompts.examples import Example, ExampleSet
from ragstone.prompts.file import PromptFile
from ragstone.prompts.prefix import prefix
from ragstone.prompts.schema import Mark, Order, Property
from ragstone.prompts.template import plain
from ragstone.prompts.tokens import PER_MESSAGE, Counter
from ragstone.prompts.tokens import counter as best_counter
from ragstone.types import Hit, Message, Prompt, Shed, Slot

__all__ = ["build", "checked", "passages"]

BRIEF = 60  # characters by which an earlier turn is named


def build(
    file: PromptFile,
    inputs: Mapping[str, object],
    *,
    hits: Sequence[Hit],
    history: Sequence[Message] = (),
    examples: Sequence[Example] | None = None,
    counter: Counter | None = None,
    window: int | None = None,
) -> Prompt:
    r"""The prompt that a file makes of these inputs, passages and earlier turns.

    `hits` stand best first. `examples` are those that `selectors.compared` chose, where the file asks for that;
    `counter` counts by the model's tokenizer, and `window` is the length of its context.

    Raises UsageError for an input that is unknown, missing, or of another kind than the file declares, for a turn
    that is neither the user's nor the assistant's, and for what cannot be made to fit the file's budget.

    >>> prompt = build(file, {"question": "How long is a chunk?"}, hits=hits)
    >>> prompt.messages[-1].content
    '[1] docs/chunks.md › Length\nA chunk holds 200 tokens.\n\nQuestion: How long is a chunk?'
    """
    turns = [_turn(message, file.name) for message in history if message.content.strip()]
    draft = _Draft(
        file=file,
        values=checked(file, inputs),
        hits=hits if "passages" in file.body.uses else (),
        shots=[(example, _shot(file, example)) for example in _chosen(file, examples)],
        turns=exchanges(turns),
        counter=(counter or best_counter()).remembering(),
    )
    kept, shed = draft.whole, ()
    if file.budget is not None:
        most = limit(file.budget, window)
        if file.few_shot is not None and file.few_shot.select == "length":
            draft.take_what_fits(file.few_shot, most)
        units = list(in_order(file.budget, *draft.units()))
        kept, shed = fitted(file.budget, draft.whole, units, draft.tokens, most=most, where=_place(file.name))
    return draft.prompt(kept, shed)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """All that may be sent; `Kept` says how much of it is."""

    file: PromptFile
    values: dict[str, object]
    hits: Sequence[Hit]
    shots: list[tuple[Example, tuple[Message, ...]]]
    turns: list[tuple[Message, ...]]
    counter: Counter

    @property
    def whole(self) -> Kept:
        return Kept(len(self.hits), len(self.shots), len(self.turns))

    def tokens(self, kept: Kept) -> int:
        return self.counter.messages(self._messages(kept, self._filled(kept)[1]))

    def units(self) -> tuple[list[Shed], list[Shed], list[Shed]]:
        """Each passage, example and exchange with its tokens, as it may be left out."""
        count = self.counter.count
        found = [
            Shed(kind="passages", unit=_origin(hit), tokens=count(passages([hit], mark="none"))) for hit in self.hits
        ]
        shots = [Shed(kind="examples", unit=each.id, tokens=self._length(shot)) for each, shot in self.shots]
        turns = [Shed(kind="history", unit=_brief(turn[0].content), tokens=self._length(turn)) for turn in self.turns]
        return found, shots, turns

    def take_what_fits(self, of: ExampleSet, most: int) -> None:
        """Takes at most k examples, those for which everything else leaves room: nothing is left out for one."""
        room = most - self.tokens(self.whole)
        for example in of.examples:
            shot = _shot(self.file, example)
            length = self._length(shot)
            if length <= room:
                self.shots.append((example, shot))
                room -= length
            if len(self.shots) == of.k or room <= 0:
                return

    def prompt(self, kept: Kept, shed: tuple[Shed, ...]) -> Prompt:
        """The prompt with what is kept."""
        file = self.file
        numbered, values = self._filled(kept)
        messages = self._messages(kept, values)
        shots, turns = self._sent(kept)
        static = file.few_shot is None or file.few_shot.select in selectors.STATIC
        stable = prefix(file.body, file.body.render(values), examples=shots, static=static, turns=bool(turns))
        named = [
            Slot(name=name, trust=file.trust[name], text=plain(value), hits=numbered if name == "passages" else ())
            for name, value in values.items()
            if name in file.body.uses
        ]
        shown = [
            Slot(name="examples", trust="author", text="\n".join(message.content for message in shot))
            for _, shot in self.shots[: kept.examples]
        ]
        said = [Slot(name="history", trust=file.trust["history"], text=turn.content) for turn in turns]
        return Prompt(
            name=file.name,
            version=file.version,
            messages=tuple(messages),
            slots=(*named, *shown, *said),
            options=file.options,
            abstain=file.abstain,
            tokens=self.counter.messages(messages),
            counter=self.counter.name,
            stable_prefix_tokens=stable.tokens(self.counter),
            shed=shed,
        )

    def _length(self, messages: Sequence[Message]) -> int:
        return sum(self.counter.count(message.content) + PER_MESSAGE for message in messages)

    def _filled(self, kept: Kept) -> tuple[tuple[Hit, ...], dict[str, object]]:
        """The passages in their numbered order, and every value of the body."""
        numbered = _ordered(self.hits[: kept.passages], self.file.order)
        return tuple(numbered), {**self.values, "passages": passages(numbered, mark=self.file.mark)}

    def _sent(self, kept: Kept) -> tuple[list[Message], list[Message]]:
        """The messages of the examples, and those of the earlier turns."""
        shots = [message for _, shot in self.shots[: kept.examples] for message in shot]
        turns = [message for turn in self.turns[len(self.turns) - kept.history :] for message in turn]
        return shots, turns

    def _messages(self, kept: Kept, values: Mapping[str, object]) -> list[Message]:
        """Instructions, examples, the body up to its last user message, earlier turns, and that message."""
        messages = self.file.body.render(values)
        last = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
        if last is None:
            hint = "Give the question some words."
            raise UsageError("every user message is empty", where=_place(self.file.name), hint=hint)
        first = next(index for index, message in enumerate(messages) if message.role != "system")
        shots, turns = self._sent(kept)
        return [*messages[:first], *shots, *messages[first:last], *turns, *messages[last:]]


def _chosen(file: PromptFile, compared: Sequence[Example] | None) -> Sequence[Example]:
    if file.few_shot is None:
        return ()
    if file.few_shot.select not in selectors.BY_VECTORS:
        return selectors.chosen(file.few_shot)
    if compared is None:
        hint = "Write `select: fixed` in the prompt file."
        raise UsageError(f"`select: {file.few_shot.select}` needs an embedder", where=_place(file.name), hint=hint)
    return compared


def _shot(file: PromptFile, example: Example) -> tuple[Message, ...]:
    """An example as the model reads it: the file's own messages up to the question, and the output as their answer."""
    messages = file.body.render({**example.inputs, "passages": passages(example.passages, mark=file.mark)})
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    asked = (message for message in messages[: last + 1] if message.role != "system")
    return (*asked, Message("assistant", example.output))


def _brief(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= BRIEF else words[:BRIEF] + "…"


def passages(hits: Sequence[Hit], *, mark: Mark) -> str:
    """Numbered passages, a blank line between them; nothing for no hits.

        [1] docs/chunks.md › Length, page 3
        A chunk holds 200 tokens.

    With `delimit` the text stands between two lines `<<<7f3a9c1e` and `7f3a9c1e>>>`. The code is made from the passages
    and occurs in none of them, so no passage can close its own fence and pretend to be the next, or the prompt.

    The context of a chunk, such as the header row of its table, is a line before its text. A citation looks for its
    words in the text alone.
    """
    texts = [hit.chunk.embedded for hit in hits]
    if mark == "delimit":
        code = _code(texts)
        texts = [f"<<<{code}\n{text}\n{code}>>>" for text in texts]
    origins = [f"[{number}] {_origin(hit)}" for number, hit in enumerate(hits, 1)]
    return "\n\n".join(f"{origin}\n{text}" for origin, text in zip(origins, texts, strict=True))


def _code(texts: Sequence[str]) -> str:
    digest = hashlib.blake2b("\0".join(texts).encode(errors="surrogatepass"))
    while any(digest.hexdigest()[:8] in text for text in texts):
        digest.update(b"once more")
    return digest.hexdigest()[:8]


def _origin(hit: Hit) -> str:
    """`uri › heading, page N`, on one line whatever the names hold."""
    chunk = hit.chunk
    page = chunk.page_at(chunk.start)
    place = " › ".join((chunk.uri, *chunk.heading)) + (f", page {page}" if page is not None else "")
    return " ".join(place.split())


def _ordered(hits: Sequence[Hit], order: Order) -> list[Hit]:
    """The hits as the model shall read them. `edges` puts the best first and last: models overlook the middle.

    Liu et al., Lost in the Middle, TACL 2024 (arXiv 2307.03172).
    """
    if order == "edges":
        return [*hits[::2], *reversed(hits[1::2])]
    if order == "source":
        return sorted(hits, key=lambda hit: (hit.chunk.uri, hit.chunk.start))
    return list(hits)


def _turn(message: Message, name: str) -> Message:
    if message.role == "system":
        raise UsageError("an earlier turn cannot be a system message", where=_place(name), expected="user or assistant")
    return message


# ── Inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def checked(file: PromptFile, inputs: Mapping[str, object]) -> dict[str, object]:
    """Every declared input with its value, in the order of the file."""
    names = [given.name for given in file.inputs]
    for name in inputs:
        if name not in names:
            raise UsageError(
                f"there is no input {name!r}",
                where=_place(file.name),
                expected="one of " + ", ".join(names) if names else "none",
                hint=nearest(name, names),
            )
    return {given.name: _value(given, inputs, file.name) for given in file.inputs}


def _value(given: Property, inputs: Mapping[str, object], prompt: str) -> object:
    if given.name not in inputs:
        if given.required and given.default is None:
            raise UsageError(f"the input {given.name!r} is missing", where=_place(prompt))
        return given.absent if given.default is None else given.default
    value = inputs[given.name]
    if not given.fits(value):
        found = type(value).__name__
        raise UsageError(
            f"the input {given.name!r} is of another kind", where=_place(prompt), expected=given.kind, found=found
        )
    if given.enum_values is not None and value not in given.enum_values:
        expected = "one of " + ", ".join(map(plain, given.enum_values))
        raise UsageError(
            f"the input {given.name!r} has another value", where=_place(prompt), expected=expected, found=repr(value)
        )
    return value


def _place(name: str) -> str:
    return f"prompt {name!r}"
