"""Builds the messages of one request: a prompt file with its values, the passages and the conversation so far.

What is sent keeps one order: instructions, context, earlier turns, the question. So what stays the same from one
request to the next comes first, where a server's prefix cache can use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from ragstone.errors import UsageError, nearest
from ragstone.prompts import wire
from ragstone.prompts.file import PromptFile
from ragstone.prompts.lookups import marked
from ragstone.prompts.schema import Mark, Order, Property
from ragstone.prompts.template import plain
from ragstone.types import Hit, Message, Prompt, Slot

__all__ = ["build"]


def build(
    file: PromptFile,
    inputs: Mapping[str, object],
    *,
    hits: Sequence[Hit],
    history: Sequence[Message] = (),
    tokens: Collection[str] = (),
) -> Prompt:
    r"""The prompt that a file makes of these inputs, passages and earlier turns.

    Special tokens in what the file's author did not write are broken up: those of the common models, and `tokens`.

    Raises UsageError for an input that is unknown, missing, or of another kind than the file declares, and for a turn
    that is neither the user's nor the assistant's.

    >>> prompt = build(file, {"question": "How long is a chunk?"}, hits=hits)
    >>> prompt.messages[-1].content
    '[1] docs/chunks.md › Length\nA chunk holds 200 tokens.\n\nQuestion: How long is a chunk?'
    """
    values = _checked(file, inputs)
    numbered = _ordered(hits, file.order)
    values["passages"] = passages(numbered, mark=file.mark)
    values |= marked(file.lookups, values, code=_code)
    said = [_turn(message, file.name) for message in history if message.content.strip()]
    turns = [wire.part(message.content, file.trust["history"], tokens) for message in said]
    parts = {name: wire.part(value, file.trust[name], tokens) for name, value in values.items()}
    messages, whole = file.body.filled({name: value for name, (value, _) in parts.items()}, tokens=tokens)
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        raise UsageError("every user message is empty", where=_place(file.name), hint="Give the question some words.")
    earlier = [Message(message.role, str(text)) for message, (text, _) in zip(said, turns, strict=True)]
    return Prompt(
        name=file.name,
        version=file.version,
        messages=(*messages[:last], *earlier, *messages[last:]),
        slots=tuple(
            Slot(
                name=name,
                trust=file.trust[name],
                text=plain(value),
                hits=tuple(numbered) if name == "passages" else (),
                # Which slot gave a token that the template made whole, a filter hides: so it stands with each.
                broken=broken if file.trust[name] == "author" else tuple(dict.fromkeys((*broken, *whole))),
            )
            for name, (value, broken) in parts.items()
            if name in file.body.uses
        )
        + tuple(
            Slot(name="history", trust=file.trust["history"], text=str(text), broken=broken) for text, broken in turns
        ),
        options=file.options,
        abstain=file.abstain,
        output=file.output,
    )


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


def _checked(file: PromptFile, inputs: Mapping[str, object]) -> dict[str, object]:
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
