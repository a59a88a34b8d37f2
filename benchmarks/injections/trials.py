"""One division of the data: trains on one side, judges on the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

import numpy as np

from injections.data import Remembering, hijacks
from ragstone.evaluation.injections.examples import Example, Examples, divided
from ragstone.evaluation.injections.training import train, train_user
from ragstone.types import Context
from ragstone.validation.injection.detector import read_texts, scan
from ragstone.validation.injection.features import Read
from ragstone.validation.injection.pieces import pieces
from ragstone.validation.injection.user import judge_user
from ragstone.validation.injection.weights import Weights

__all__ = ["judged", "planted", "trial"]

JUDGING = 5  # categories of attacks that the training does not see
PLACES = ("start", "middle", "end")
EACH = 2  # contexts of a kind for each attack and place
CONTEXT = Context()
Figures = dict[str, float]


def planted(context: str, attack: str, place: str, random: Random) -> tuple[str, int, int]:
    """A context with an attack on a line of its own, and where that stands."""
    if place == "start":
        at = 0
    elif place == "end":
        at = len(context)
    elif "\n|" in context:
        at = random.choice([cut + 1 for cut, letter in enumerate(context[:-1]) if letter == "\n"])
    else:
        at = random.choice([piece.start for piece in pieces(context) if not piece.by][1:] or [len(context)])
    before = context[:at] + ("\n" if at and context[at - 1] != "\n" else "")
    return f"{before}{attack}\n{context[at:]}", len(before), len(before) + len(attack)


async def trial(seed: int, examples: Examples, reads: Mapping[str, Read], embedder: Remembering) -> Figures:
    """The shares that one division gives, in percent."""
    random = Random(seed)
    categories = sorted({one.kind for one in examples.planted if not one.kind.startswith("own")})
    unseen = set(random.sample(categories, JUDGING))
    held = [one for one in examples.planted if one.kind in unseen]
    learned, judging = _contexts(examples, reads, seed)
    jail_learned, jail_judging = divided(_foreign(examples.jailbreaks), reads, share=0.5, seed=seed)
    prompt_learned, prompt_judging = divided(_foreign(examples.prompts), reads, share=0.5, seed=seed)
    known = Examples(
        planted=[one for one in examples.planted if one.kind not in unseen],
        contexts=[*learned, *(one for one in examples.contexts if one.kind.startswith("own"))],
        jailbreaks=[*jail_learned, *(one for one in examples.jailbreaks if one.kind == "own")],
        prompts=[*prompt_learned, *(one for one in examples.prompts if one.kind == "own")],
    )
    weights = train(known, reads, embedder=embedder.fingerprint, seed=seed)
    figures = await _attacks(held, judging, weights, embedder, random)
    for kind in ("e-mail", "table", "encyclopaedia"):
        texts = [one.text for one in judging if one.kind == kind]
        figures[f"clean: {kind}"] = await judged(texts, "retrieved", weights, embedder)
    figures["user attack: jailbreaks"] = await judged([one.text for one in jail_judging], "user", weights, embedder)
    for kind in ("NotInject", "ordinary", "question"):
        texts = [one.text for one in prompt_judging if one.kind == kind]
        figures[f"user benign: {kind}"] = await judged(texts, "user", weights, embedder)
    whole = await _whole(known, held, judging, reads, embedder, random)
    return {**figures, **whole}


def _contexts(examples: Examples, reads: Mapping[str, Read], seed: int) -> tuple[list[Example], list[Example]]:
    learned: list[Example] = []
    judging: list[Example] = []
    for kind in ("e-mail", "table", "encyclopaedia"):
        some = [one for one in examples.contexts if one.kind == kind]
        one, other = divided(some, reads, share=0.5, seed=seed)
        learned += one
        judging += other
    return learned, judging


def _foreign(examples: Sequence[Example]) -> list[Example]:
    return [one for one in examples if one.kind != "own"]


async def judged(texts: Sequence[str], trust: str, weights: Weights, embedder: Remembering) -> float:
    """The share of texts that count as attacks, in percent."""
    scans = await scan(texts, trust=trust, embedder=embedder, weights=weights, context=CONTEXT)  # pyright: ignore
    return 100 * float(np.mean([bool(one.flaws) for one in scans]))


async def _attacks(
    held: Sequence[Example], judging: Sequence[Example], weights: Weights, embedder: Remembering, random: Random
) -> Figures:
    """The share of attacks that are found where they stand."""
    cases: list[tuple[str, int, int]] = []
    names: list[tuple[str, ...]] = []
    for attack in held:
        for place in PLACES:
            for kind in ("e-mail", "table"):
                contexts = [one.text for one in judging if one.kind == kind]
                for context in random.sample(contexts, min(EACH, len(contexts))):
                    cases.append(planted(context, attack.text, place, random))
                    nature = "hijack" if hijacks(attack.kind) else "innocent task"
                    names.append((kind, f"{kind}, {place}", f"{kind}, {nature}"))
    scans = await scan(
        [text for text, *_ in cases], trust="retrieved", embedder=embedder, weights=weights, context=CONTEXT
    )
    found: dict[str, list[bool]] = defaultdict(list)
    for (_, start, end), one, labels in zip(cases, scans, names, strict=True):
        hit = any(flaw.start < end and flaw.end > start for flaw in one.flaws)
        for label in labels:
            found[f"attack: {label}"].append(hit)
    return {label: 100 * float(np.mean(hits)) for label, hits in sorted(found.items())}


async def _whole(
    known: Examples,
    held: Sequence[Example],
    judging: Sequence[Example],
    reads: Mapping[str, Read],
    embedder: Remembering,
    random: Random,
) -> Figures:
    """The same with the vector and the rules of whole texts, as the classifier of prompts reads them."""

    def mixed(attacks: Sequence[Example], contexts: Sequence[Example], number: int) -> list[str]:
        places = [(random.choice(contexts).text, random.choice(attacks).text) for _ in range(number)]
        return [planted(context, attack, random.choice(PLACES), random)[0] for context, attack in places]

    kinds = ("e-mail", "table")
    texts = {kind: mixed(held, [one for one in judging if one.kind == kind], 100) for kind in kinds}
    learning = mixed(known.planted, known.contexts, 500)
    wanted = [*learning, *(text for some in texts.values() for text in some)]
    read = await read_texts(wanted, embedder, context=CONTEXT)
    every = {**reads, **{text: one for text, one in zip(wanted, read, strict=True) if one}}
    weights = train_user(
        Examples(jailbreaks=[Example(text, "planted") for text in learning], prompts=known.contexts), every
    )
    figures: Figures = {}
    for kind in kinds:
        figures[f"whole text: attack: {kind}"] = _share(texts[kind], every, weights)
    for kind in (*kinds, "encyclopaedia"):
        figures[f"whole text: clean: {kind}"] = _share(
            [one.text for one in judging if one.kind == kind], every, weights
        )
    return figures


def _share(texts: Sequence[str], reads: Mapping[str, Read], weights: object) -> float:
    return 100 * float(np.mean([judge_user(reads[text], weights)[0] > 0 for text in texts]))  # pyright: ignore
