"""A model that is right as often as it is told to be."""

from __future__ import annotations

import hashlib
import json
import math
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias, TypeVar, cast

from ragstone.errors import ModelTimeout, UsageError
from ragstone.protocols import Capabilities, Model
from ragstone.types import Completion, Context, Prompt
from ragstone.usage import Price, Usage

__all__ = ["ChanceModel"]

T = TypeVar("T")
Of: TypeAlias = T | Callable[[Prompt], T]


class ChanceModel(Model):
    """Says the `right` answer with probability `p`, else one of the `wrong` ones, as often as their `weights` say.

    >>> model = ChanceModel("42", p=0.6, wrong=["41", "43", "40"], weights=[2, 1, 1], says="The answer is {}.".format)
    >>> [one.text for one in await model.sample(prompt, n=3, context=context)]
    ['The answer is 42.', 'The answer is 42.', 'The answer is 41.']

    `right`, `p` and `wrong` may be functions of the prompt, so that some questions are harder, or a layer's words help.
    What it says depends on the seed, the prompt's text and how often that text has been asked before, and on nothing
    else: not on the order of other calls. So each call is a draw of its own, at any temperature. To a prompt that asks
    for it, `logprob` is that of the whole answer.
    """

    capabilities = Capabilities(local=True, price=Price(input=0, output=0), samples=True, logprobs=True)

    def __init__(
        self,
        right: Of[str],
        *,
        p: Of[float],
        wrong: Of[Sequence[str]],
        weights: Sequence[float] | None = None,
        says: Callable[[str], str] = str,
        seed: int = 0,
        capabilities: Capabilities | None = None,
    ) -> None:
        if weights is not None and (min(weights, default=0) < 0 or not sum(weights) > 0):
            raise UsageError("weights must be 0 or more, and one of them above 0", found=str(list(weights)))
        self.calls = 0
        self.capabilities = capabilities or type(self).capabilities
        self._right, self._p, self._wrong, self._weights = right, p, wrong, weights
        self._says, self._seed = says, seed
        self._asked: Counter[str] = Counter()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """The next draw for that text. Raises ModelTimeout when the deadline has passed."""
        if context.remaining() == 0:
            raise ModelTimeout("the deadline passed", where="chance")
        self.calls += 1
        text = json.dumps([[message.role, message.content] for message in prompt.messages])
        number = self._asked[text]
        self._asked[text] += 1
        answer, likely = self._drawn(prompt, _uniform(self._seed, text, number))
        said = self._says(answer)
        words = sum(len(message.content.split()) for message in prompt.messages)
        return Completion(
            text=said,
            model="chance",
            usage=Usage(input_tokens=words, output_tokens=len(said.split())),
            logprob=math.log(likely) if prompt.logprobs else None,
        )

    def _drawn(self, prompt: Prompt, at: float) -> tuple[str, float]:
        """The answer at a place of [0, 1), and how likely it was."""
        p, wrong = _of(self._p, prompt), _of(self._wrong, prompt)
        weights = self._weights or [1.0] * len(wrong)
        if not 0 <= p <= 1:
            raise UsageError("p is no probability", expected="0 to 1", found=str(p))
        if len(weights) != len(wrong) or (p < 1 and not wrong):
            raise UsageError("each wrong answer needs a weight", expected=str(len(wrong) or 1), found=str(len(weights)))
        if at < p:
            return _of(self._right, prompt), p
        ends = list(accumulate(weights))
        place = min(bisect(ends, (at - p) / (1 - p) * ends[-1]), len(wrong) - 1)
        return wrong[place], (1 - p) * weights[place] / ends[-1]


def _of(given: Of[T], prompt: Prompt) -> T:
    return cast("Callable[[Prompt], T]", given)(prompt) if callable(given) else given


def _uniform(seed: int, text: str, number: int) -> float:
    digest = hashlib.blake2b(json.dumps([seed, text, number]).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
