"""Adjusts the detectors that come with Ragstone to examples of one's own, and says what that is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from ragstone.evaluation.injections.examples import Example, Examples, divided
from ragstone.evaluation.injections.training import train_retrieved, train_user
from ragstone.protocols import Embedder
from ragstone.types import Context
from ragstone.validation.injection.detector import fits, read_texts
from ragstone.validation.injection.features import Read, joined
from ragstone.validation.injection.retrieved import judge_retrieved
from ragstone.validation.injection.user import judge_user
from ragstone.validation.injection.weights import Weights, shipped

__all__ = ["Figure", "adjusted"]

SHARE = 0.75  # of the examples that are learned from while the rest judges


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one detector finds of a held-out part, before and after: attacks, and benign texts taken for such."""

    trust: str
    attacks: int
    benign: int
    found_before: float
    found: float
    touched_before: float
    touched: float

    def as_dict(self) -> dict[str, float | str]:
        """As JSON has it, shares between 0 and 1."""
        return {name: getattr(self, name) for name in self.__slots__}

    def as_text(self) -> str:
        """In a sentence for each."""
        return (
            f"{self.trust}: of {self.attacks} attacks that were held out {100 * self.found:.0f} % are found "
            f"({100 * self.found_before:.0f} % before);\n"
            f"  of {self.benign} texts without any {100 * self.touched:.0f} % are taken for one "
            f"({100 * self.touched_before:.0f} % before)."
        )


async def adjusted(examples: Examples, embedder: Embedder, *, seed: int = 0) -> tuple[Weights, list[Figure]]:
    """The shipped weights, moved as far as the examples demand, and figures of those that were held out.

    A detector without examples stays as it is.
    """
    known = shipped()
    fits(known, embedder)
    texts = examples.texts
    made = await read_texts(texts, embedder, context=Context())
    reads = {text: read for text, read in zip(texts, made, strict=True) if read is not None}
    examples = examples.read(reads)
    learned, judging = _halves(examples, reads, seed)
    trial, final = (_moved(known, some, reads, seed) for some in (learned, examples))
    figures: list[Figure] = []
    if judging.jailbreaks and judging.prompts:
        figures.append(_prompts(judging, reads, known, trial))
    if judging.planted and judging.contexts:
        figures.append(_documents(judging, reads, known, trial, seed))
    return final, figures


def _halves(examples: Examples, reads: Mapping[str, Read], seed: int) -> tuple[Examples, Examples]:
    parts = [
        divided(some, reads, share=SHARE, seed=seed)
        for some in (examples.planted, examples.contexts, examples.jailbreaks, examples.prompts)
    ]
    one, other = zip(*parts, strict=True)
    return tuple(
        Examples(planted=side[0], contexts=side[1], jailbreaks=side[2], prompts=side[3]) for side in (one, other)
    )  # pyright: ignore[reportReturnType]


def _moved(known: Weights, examples: Examples, reads: Mapping[str, Read], seed: int) -> Weights:
    user, retrieved = known.user, known.retrieved
    if examples.jailbreaks and examples.prompts:
        user = train_user(examples, reads, known=known.user)
    if examples.planted and examples.contexts:
        retrieved = train_retrieved(examples, reads, seed=seed, known=known.retrieved)
    return replace(known, user=user, retrieved=retrieved)


def _prompts(judging: Examples, reads: Mapping[str, Read], before: Weights, after: Weights) -> Figure:
    def share(examples: Sequence[Example], weights: Weights) -> float:
        return float(np.mean([judge_user(reads[one.text], weights.user)[0] >= 0 for one in examples]))

    return Figure(
        trust="user",
        attacks=len(judging.jailbreaks),
        benign=len(judging.prompts),
        found_before=share(judging.jailbreaks, before),
        found=share(judging.jailbreaks, after),
        touched_before=share(judging.prompts, before),
        touched=share(judging.prompts, after),
    )


def _documents(judging: Examples, reads: Mapping[str, Read], before: Weights, after: Weights, seed: int) -> Figure:
    random = Random(seed)  # noqa: S311 - the same choice again
    cases: list[tuple[Read, slice]] = []
    for attack in judging.planted:
        context, planted = reads[random.choice(judging.contexts).text], reads[attack.text]
        at = random.randint(0, len(context.vectors))
        parts = [Read(context.shape.part(cut), context.vectors[cut]) for cut in (slice(0, at), slice(at, None))]
        cases.append((joined(parts[0], planted, parts[1]), slice(at, at + len(planted.vectors))))

    def found(weights: Weights) -> float:
        return float(np.mean([judge_retrieved(text, weights.retrieved)[at].max() >= 0 for text, at in cases]))

    def touched(weights: Weights) -> float:
        whole = [judge_retrieved(reads[one.text], weights.retrieved).max() >= 0 for one in judging.contexts]
        return float(np.mean(whole))

    return Figure(
        trust="retrieved",
        attacks=len(judging.planted),
        benign=len(judging.contexts),
        found_before=found(before),
        found=found(after),
        touched_before=touched(before),
        touched=touched(after),
    )
