"""Reads texts and says which are attacks, and which of their sentences: the two detectors, chosen by trust."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from ragstone.errors import ConfigError, EmbedderError
from ragstone.labels import TRUSTED
from ragstone.protocols import Embedder
from ragstone.types import Context, Trust
from ragstone.validation.injection.features import Matrix, Read, Shape, shape
from ragstone.validation.injection.retrieved import judge_retrieved
from ragstone.validation.injection.rules import RULES
from ragstone.validation.injection.user import judge_user
from ragstone.validation.injection.weights import Weights, shipped
from ragstone.verdicts import Flaw

__all__ = ["THRESHOLD", "Scan", "fits", "read_texts", "scan"]

THRESHOLD = 0.5
"""The score from which a text counts as an attack. The constants of the weights are set so that this is a good one."""

AT_ONCE = 256  # pieces that are embedded together
SAFE = 80  # characters that no embedder's window is too short for
SHOWN = 3  # rules that a reason names
MOST = 3  # sentences of a prompt that are named


@dataclass(frozen=True, slots=True)
class Scan:
    """A score in [0, 1], and the ranges of the text that speak for an attack, none where it is below the threshold."""

    score: float
    flaws: tuple[Flaw, ...] = ()


async def scan(
    texts: Sequence[str],
    *,
    trust: Trust,
    embedder: Embedder,
    weights: Weights | None = None,
    threshold: float = THRESHOLD,
    context: Context,
) -> list[Scan]:
    """Judges texts of one level of trust: those of an author pass, those of a user are prompts, others were found."""
    if trust == "author":
        return [Scan(0.0) for _ in texts]
    weights = weights or shipped()
    reads = await read_texts(texts, embedder, context=context)

    def judged() -> list[Scan]:
        judge = _user if trust in TRUSTED else _retrieved
        return [judge(read, weights, threshold) if read else Scan(0.0) for read in reads]

    return await asyncio.to_thread(judged)


async def read_texts(texts: Sequence[str], embedder: Embedder, *, context: Context) -> list[Read | None]:
    """The pieces of each text with their vectors; None for a text without any. Equal pieces are embedded once."""
    shapes = await asyncio.to_thread(lambda: [shape(_valid(text)) for text in texts])
    wanted = sorted({piece.text for each in shapes for piece in each.pieces}, key=lambda text: (len(text), text))
    vectors: dict[str, Matrix] = {}
    for at in range(0, len(wanted), AT_ONCE):
        some = wanted[at : at + AT_ONCE]
        vectors.update(zip(some, await _embedded(some, embedder, context=context), strict=True))
    return [_read(each, vectors) if each.pieces else None for each in shapes]


def fits(weights: Weights, embedder: Embedder) -> None:
    """Raises ConfigError where the weights belong to another embedder."""
    if embedder.fingerprint == weights.embedder:
        return
    raise ConfigError(
        "the weights of the check for injections belong to another embedder",
        expected=f"an embedder with the fingerprint {weights.embedder[:12]}",
        found=embedder.fingerprint[:12],
        hint="Train your own with `ragstone guard train`, and name the file as `weights:` of the check.",
    )


def _valid(text: str) -> str:
    """The text with a question mark for each character that is half of one: no tokenizer reads it."""
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= letter <= "\udfff" for letter in text) else text


def _read(each: Shape, vectors: dict[str, Matrix]) -> Read:
    return Read(each, np.stack([vectors[piece.text] for piece in each.pieces]))


async def _embedded(texts: Sequence[str], embedder: Embedder, *, context: Context) -> Matrix:
    """Their vectors. A piece is cut by an estimate of its tokens; one that is too long all the same loses its end."""
    try:
        return await embedder.embed_once(texts, context=context)
    except EmbedderError:
        if len(texts) == 1:
            if len(texts[0]) <= SAFE:
                raise
            return await embedder.embed_once([texts[0][:SAFE]], context=context)
        half = len(texts) // 2
        parts = [await _embedded(part, embedder, context=context) for part in (texts[:half], texts[half:])]
        return np.concatenate(parts)


def _user(read: Read, weights: Weights, threshold: float) -> Scan:
    value, added = judge_user(read, weights.user)
    score = _chance(value)
    if score < threshold:
        return Scan(score)
    order = np.argsort(-added)[:MOST]
    chosen = [int(at) for at in order if added[at] > 0] or [int(order[0])]
    return Scan(score, tuple(_flaws(read.shape, sorted(chosen), "reads like a jailbreak")))


def _retrieved(read: Read, weights: Weights, threshold: float) -> Scan:
    scores = [_chance(float(value)) for value in judge_retrieved(read, weights.retrieved)]
    flagged = [at for at, score in enumerate(scores) if score >= threshold]
    return Scan(max(scores), tuple(_flaws(read.shape, flagged, "does not belong in this text")))


def _flaws(shape: Shape, places: Sequence[int], otherwise: str) -> Iterator[Flaw]:
    """The ranges of these pieces with what speaks against them, one for each range, in their order."""
    reasons: dict[tuple[int, int], dict[str, None]] = {}
    for at in places:
        piece = shape.pieces[at]
        met = [said for said, meets in zip(RULES.values(), shape.rules[at], strict=True) if meets]
        reasons.setdefault((piece.start, piece.end), {}).update(dict.fromkeys(met))
    for (start, end), said in sorted(reasons.items()):
        yield Flaw(start, end, "; ".join([*list(said)[:SHOWN], *([] if said else [otherwise])]), "injection")


def _chance(value: float) -> float:
    return round(1 / (1 + exp(-max(-30.0, min(30.0, value)))), 4)
