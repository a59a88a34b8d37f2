"""Builds the messages of one request: a prompt file with its values, the passages and the conversation so far.

What is sent keeps one order: instructions, examples, context, earlier turns, the question. So what stays the same from
one request to the next comes first, where a server's prefix cache can use it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ragstone.errors import UsageError
from ragstone.prompts import asking, selectors, wire
from ragstone.prompts.budget import Kept, exchanges, fitted, in_order, limit
from ragstone.prompts.canary import canary
from ragstone.prompts.examples import Example, ExampleSet
from ragstone.prompts.file import PromptFile
from ragstone.prompts.inputs import checked
from ragstone.prompts.lookups import marked
from ragstone.prompts.marks import Marking
from ragstone.prompts.passages import in_order as ordered
from ragstone.prompts.passages import marked_inputs, marking, origin, passages
from ragstone.prompts.prefix import prefix
from ragstone.prompts.template import plain
from ragstone.prompts.tokens import PER_MESSAGE, Counter
from ragstone.prompts.tokens import counter as best_counter
from ragstone.types import Hit, Message, Prompt, Shed, Slot, Trust

__all__ = ["build"]

UNMARKED = Marking()
BRIEF = 60  # characters by which an earlier turn is named


def build(
    file: PromptFile,
    inputs: Mapping[str, object],
    *,
    hits: Sequence[Hit],
    history: Sequence[Message] = (),
    examples: Sequence[Example] | None = None,
    tokens: Collection[str] = (),
    counter: Counter | None = None,
    window: int | None = None,
    reasons: bool = False,
) -> Prompt:
    r"""The prompt that a file makes of these inputs, passages and earlier turns.

    `hits` stand best first. `examples` are those that `selectors.compared` chose, where the file asks for that. Special
    tokens in what the file's author did not write are broken up: those of the common models, and `tokens`. `counter`
    counts by the model's tokenizer, `window` is the length of its context, and `reasons` says that it has a switch for
    reasoning of its own.

    Raises UsageError for an input that is unknown, missing, or of another kind than the file declares, for a turn
    that is neither the user's nor the assistant's, and for what cannot be made to fit the file's budget.

    >>> prompt = build(file, {"question": "How long is a chunk?"}, hits=hits)
    >>> prompt.messages[-1].content
    '[1] docs/chunks.md › Length\nA chunk holds 200 tokens.\n\nQuestion: How long is a chunk?'
    """
    said = exchanges([message for message in history if message.content.strip()])
    values = checked(file, inputs)
    hits = hits if "passages" in file.body.uses else ()
    marks = marking(file, values, hits)
    values |= _fenced(file, values, marks)
    draft = _Draft(
        file=file,
        values=_parts(file, values, marks, tokens),
        hits=hits,
        marks=marks,
        shots=[_shot(file, example, tokens, marks, reasons) for example in _chosen(file, examples)],
        turns=[tuple(_turn(message, file, tokens) for message in each) for each in said],
        special=tokens,
        counter=(counter or best_counter()).remembering(),
        reasons=reasons,
    )
    kept, shed = draft.whole, ()
    if file.budget is not None:
        most = limit(file.budget, window)
        if file.few_shot is not None and file.few_shot.select == "length":
            draft.take_what_fits(file.few_shot, most)
        units = list(in_order(file.budget, *draft.units()))
        kept, shed = fitted(file.budget, draft.whole, units, draft.tokens, most=most, where=_place(file.name))
    return draft.prompt(kept, shed)


@dataclass(frozen=True, slots=True)
class _Shot:
    """An example as it is sent, and the special tokens that were broken up in it."""

    example: Example
    messages: tuple[Message, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    """An earlier turn as it is sent, and the special tokens that were broken up in it."""

    message: Message
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Filled:
    """The body's own messages with some of the passages, in the order in which they are numbered.

    `parts` holds each value as it was put in, with the special tokens that were broken up in it; `whole` are those that
    only the template made whole.
    """

    hits: tuple[Hit, ...]
    parts: Mapping[str, tuple[object, tuple[str, ...]]]
    messages: list[Message]
    whole: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """All that may be sent; `Kept` says how much of it is."""

    file: PromptFile
    values: Mapping[str, tuple[object, tuple[str, ...]]]
    hits: Sequence[Hit]
    marks: Marking
    shots: list[_Shot]
    turns: list[tuple[_Turn, ...]]
    special: Collection[str]
    counter: Counter
    reasons: bool
    last: tuple[int, _Filled] | None = field(default=None, init=False)

    @property
    def whole(self) -> Kept:
        return Kept(len(self.hits), len(self.shots), len(self.turns))

    def tokens(self, kept: Kept) -> int:
        """Those of the request; also of the words that ask for the form of the answer where no schema can."""
        words = self.file.layers.words(self.file.output, reasons=self.reasons)
        return self.counter.messages(self._messages(kept)) + self.counter.count(words)

    def units(self) -> tuple[list[Shed], list[Shed], list[Shed]]:
        """Each passage, example and exchange with its tokens, as it may be left out."""
        found = [Shed(kind="passages", unit=origin(hit), tokens=self._passage(hit)) for hit in self.hits]
        shots = [Shed(kind="examples", unit=shot.example.id, tokens=self._length(shot.messages)) for shot in self.shots]
        turns = [
            Shed(
                kind="history",
                unit=_brief(said[0].message.content),
                tokens=self._length([turn.message for turn in said]),
            )
            for said in self.turns
        ]
        return found, shots, turns

    def take_what_fits(self, of: ExampleSet, most: int) -> None:
        """Takes at most k examples, those for which everything else leaves room: nothing is left out for one."""
        room = most - self.tokens(self.whole)
        for example in of.examples:
            shot = _shot(self.file, example, self.special, self.marks, self.reasons)
            length = self._length(shot.messages)
            if length <= room:
                self.shots.append(shot)
                room -= length
            if len(self.shots) == of.k or room <= 0:
                return

    def prompt(self, kept: Kept, shed: tuple[Shed, ...]) -> Prompt:
        """The prompt with what is kept."""
        file = self.file
        filled = self._filled(kept)
        messages = self._messages(kept)
        shots, turns = self._sent(kept)
        static = file.few_shot is None or file.few_shot.select in selectors.STATIC
        shown = [message for shot in shots for message in shot.messages]
        usual = self.marks.usual
        stable = prefix(
            file.body,
            filled.messages,
            examples=shown,
            static=static,
            turns=bool(turns),
            usual_sign=usual,
            code=canary(file.version),
        )
        return Prompt(
            name=file.name,
            version=file.version,
            messages=tuple(messages),
            slots=tuple(self._slots(filled, shots, turns)),
            options=file.options,
            abstain=file.abstain,
            output=file.output,
            tokens=self.counter.messages(messages),
            counter=self.counter.name,
            stable_prefix_tokens=stable.tokens(self.counter),
            stable_messages=stable.whole(messages),
            shed=shed,
            plan=(*asking.calls(file), *file.layers.plan()),
            reasons=file.layers.thinks(self.reasons),
            authored="\n".join([file.said, *(text for shot in shots if shot.example.gold for text in _texts(shot))]),
        )

    def _slots(self, filled: _Filled, shots: Sequence[_Shot], turns: Sequence[_Turn]) -> Iterator[Slot]:
        trusts = self.file.trust
        marked = {"passages", *marked_inputs(self.file)}
        for name, (value, broken) in filled.parts.items():
            if name in self.file.body.uses:
                hits = filled.hits if name == "passages" else ()
                # Which slot gave a token that the template made whole, a filter hides: so it stands with each.
                more = () if trusts[name] == "author" else filled.whole
                marks = self.marks if name in marked else UNMARKED
                yield self._slot(name, trusts[name], plain(value), (*broken, *more), hits, marks)
        for shot in shots:
            text = "\n".join(message.content for message in shot.messages)
            yield self._slot("examples", "author" if shot.example.gold else "user", text, shot.broken)
        for turn in turns:
            yield self._slot("history", trusts["history"], turn.message.content, turn.broken)

    def _slot(
        self,
        name: str,
        trust: Trust,
        text: str,
        broken: tuple[str, ...],
        hits: tuple[Hit, ...] = (),
        marks: Marking = UNMARKED,
    ) -> Slot:
        return Slot(
            name=name,
            trust=trust,
            text=text,
            hits=hits,
            broken=tuple(dict.fromkeys(broken)),
            tokens=self.counter.count(text),
            mark=marks.kind,
            sign=marks.sign,
        )

    def _length(self, messages: Sequence[Message]) -> int:
        return sum(self.counter.count(message.content) + PER_MESSAGE for message in messages)

    def _passage(self, hit: Hit) -> int:
        text, _ = passages([hit], self.marks if self.marks.inside else UNMARKED, tokens=self.special)
        return self.counter.count(str(text))

    def _filled(self, kept: Kept) -> _Filled:
        """Made once for each number of passages: nothing else that is left out changes it."""
        if self.last is None or self.last[0] != kept.passages:
            numbered = ordered(self.hits[: kept.passages], self.file.order)
            found = passages(numbered, self.marks, tokens=self.special)
            parts = {**self.values, "passages": found, "canary": _code(self.file)}
            put = {name: value for name, (value, _) in parts.items()}
            messages, whole = self.file.body.filled(put, tokens=self.special)
            self.last = kept.passages, _Filled(tuple(numbered), parts, messages, whole)
        return self.last[1]

    def _sent(self, kept: Kept) -> tuple[list[_Shot], list[_Turn]]:
        """The examples, and the earlier turns."""
        turns = [turn for said in self.turns[len(self.turns) - kept.history :] for turn in said]
        return self.shots[: kept.examples], turns

    def _messages(self, kept: Kept) -> list[Message]:
        """Instructions, examples, the body up to its last user message, earlier turns, and that message."""
        messages = self._filled(kept).messages
        last = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
        if last is None:
            hint = "Give the question some words."
            raise UsageError("every user message is empty", where=_place(self.file.name), hint=hint)
        first = next(index for index, message in enumerate(messages) if message.role != "system")
        shots, turns = self._sent(kept)
        shown = [message for shot in shots for message in shot.messages]
        said = [turn.message for turn in turns]
        sent = [*messages[:first], *shown, *messages[first:last], *said, *messages[last:]]
        return self.file.layers.dressed(sent, fields=self.file.output is not None, reasons=self.reasons)


def _chosen(file: PromptFile, compared: Sequence[Example] | None) -> Sequence[Example]:
    if file.few_shot is None:
        return ()
    if file.few_shot.select not in selectors.BY_VECTORS:
        return selectors.chosen(file.few_shot)
    if compared is None:
        hint = "Write `select: fixed` in the prompt file."
        raise UsageError(f"`select: {file.few_shot.select}` needs an embedder", where=_place(file.name), hint=hint)
    return compared


def _parts(
    file: PromptFile, values: Mapping[str, object], marks: Marking, tokens: Collection[str], *, gold: bool = False
) -> dict[str, tuple[object, tuple[str, ...]]]:
    """Each value as it is put in, with the special tokens that were broken up in it: first these, then the marks.

    Should a mark make a token whole, the message is looked through once more when it is put together.
    """
    found = {name: wire.part(value, "author" if gold else file.trust[name], tokens) for name, value in values.items()}
    for name in marked_inputs(file):
        value, broken = found[name]
        found[name] = marks.of_value(value), broken
    return found | ({"mark": wire.part(marks.sign, "author")} if marks.sign else {})


def _fenced(file: PromptFile, values: Mapping[str, object], marks: Marking) -> dict[str, object]:
    """What was looked up, within its fence; a mark inside the text does without one."""
    return {} if marks.inside else marked(file.lookups, values)


def _code(file: PromptFile) -> tuple[object, tuple[str, ...]]:
    return wire.part(canary(file.version), "author")


def _shot(file: PromptFile, example: Example, tokens: Collection[str], marks: Marking, reasons: bool) -> _Shot:
    """An example as the model reads it: the file's own messages up to the question, and the output as their answer.

    One that a person has verified counts as the author's own words. Any other may hold whatever made it.
    """
    trust: Trust = "author" if example.gold else "retrieved"
    parts = {
        **_parts(file, {**example.inputs, **_fenced(file, example.inputs, marks)}, marks, tokens, gold=example.gold),
        "passages": passages(example.passages, marks, trust=trust, tokens=tokens),
        "canary": _code(file),
    }
    shown = file.layers.shown(example.rationale, example.output, fields=file.output is not None, reasons=reasons)
    output, broken = wire.part(shown, "author" if example.gold else "user", tokens)
    messages, whole = file.body.filled({name: value for name, (value, _) in parts.items()}, tokens=tokens)
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    asked = (message for message in messages[: last + 1] if message.role != "system")
    found = dict.fromkeys([*(token for _, each in parts.values() for token in each), *broken, *whole])
    return _Shot(example, (*asked, Message("assistant", str(output))), tuple(found))


def _texts(shot: _Shot) -> list[str]:
    return [message.content for message in shot.messages]


def _brief(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= BRIEF else words[:BRIEF] + "…"


def _turn(message: Message, file: PromptFile, tokens: Collection[str]) -> _Turn:
    if message.role == "system":
        expected = "user or assistant"
        raise UsageError("an earlier turn cannot be a system message", where=_place(file.name), expected=expected)
    text, broken = wire.part(message.content, file.trust["history"], tokens)
    return _Turn(Message(message.role, str(text)), broken)


def _place(name: str) -> str:
    return f"prompt {name!r}"
