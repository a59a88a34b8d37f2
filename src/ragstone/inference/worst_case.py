"""What a call can take at most, and about as much as it has taken where nobody says so."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from ragstone.protocols import Capabilities
from ragstone.types import Prompt
from ragstone.usage import Price, Usage

__all__ = ["dearest", "estimate", "price_of", "worst_case"]

FRAME = 8  # tokens that stand around a message
GUESS = 4_096  # tokens of an answer whose length nobody limits


def price_of(able: Capabilities) -> Price | None:
    """What a model costs. One of your own without a price costs nothing; of others it is not known."""
    if able.price is None and (able.local or not able.generative):
        return Price(input=0, output=0)
    return able.price


def worst_case(prompt: Prompt, able: Capabilities, *, n: int, money: bool) -> tuple[Prompt, Usage]:
    """The most tokens that n answers can take, and the prompt that holds them to it.

    A token is hardly ever shorter than two bytes, so half the bytes are more tokens than any tokenizer makes of a text
    that people write. An answer is as long as the prompt allows, else as the model can, else as its window leaves. For
    `money` such a limit is sent; else it is no more than a guess, which is put right when the answer has come.
    """
    words = [message.content for message in prompt.messages]
    if prompt.output is not None:
        words.append(json.dumps(dict(prompt.output.schema)))
    size = max(prompt.tokens, ceil(_bytes(words) / 2)) + FRAME * len(words)
    answer = prompt.options.max_tokens
    if answer is None:
        window = able.context_window
        rooms = [able.output_limit, None if window is None else max(1, window - prompt.tokens)]
        known = [room for room in rooms if room is not None]
        answer = min(known, default=GUESS)
        if not money:
            answer = min(answer, GUESS)
        elif "max_tokens" in able.settings:
            prompt = replace(prompt, options=replace(prompt.options, max_tokens=answer))
    return prompt, Usage(input_tokens=n * size, output_tokens=n * answer)


def dearest(price: Price, usage: Usage) -> int:
    """Billionths of a dollar for these tokens, each of the input at the highest price that it may have."""
    kinds = (usage, replace(usage, written_tokens=usage.input_tokens), replace(usage, cached_tokens=usage.input_tokens))
    return max(price.nano(kind) for kind in kinds)


def estimate(prompt: Prompt, said: Iterable[str], *, pieces: int = 0) -> Usage:
    """About what an answer has taken that came so far, rather too much: a token has three bytes or more.

    `pieces` are those that it came in: a server sends no token in two.
    """
    asked = prompt.tokens or ceil(_bytes(message.content for message in prompt.messages) / 3)
    return Usage(input_tokens=asked, output_tokens=max(pieces, ceil(_bytes(said) / 3)))


def _bytes(words: Iterable[str]) -> int:
    return sum(len(text.encode(errors="surrogatepass")) for text in words)
