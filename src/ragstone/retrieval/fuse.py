"""Joins the dense and the lexical list into one, keeping every score by its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ragstone.types import Scored

__all__ = ["convex", "reciprocal_rank"]

RRF_CONSTANT = 60  # Cormack, Clarke and Büttcher 2009, "Reciprocal Rank Fusion", SIGIR

Fused = list[tuple[str, dict[str, float]]]


def convex(lists: Mapping[str, Sequence[Scored]], *, weights: Mapping[str, float]) -> Fused:
    """Σ weight · score, each list's scores first stretched to [0, 1]; what a list did not find counts 0 there.

    Normalised convex combination after Bruch, Gai and Ingber 2023 (arXiv 2210.11934).

    >>> convex({"dense": [Scored("a", 0.9), Scored("b", 0.1)]}, weights={"dense": 1.0})[0]
    ('a', {'dense': 0.9, 'fused': 1.0})
    """
    normal = {name: _stretched(found) for name, found in lists.items()}
    return _ranked(
        lists, {name: {id_: weights[name] * s for id_, s in scores.items()} for name, scores in normal.items()}
    )


def reciprocal_rank(lists: Mapping[str, Sequence[Scored]]) -> Fused:
    """Σ 1 / (60 + rank) over the lists that found a chunk, ranks from 1."""
    ranks = {
        name: {scored.id: 1 / (RRF_CONSTANT + rank) for rank, scored in enumerate(found, 1)}
        for name, found in lists.items()
    }
    return _ranked(lists, ranks)


def _stretched(found: Sequence[Scored]) -> dict[str, float]:
    if not found:
        return {}
    low, high = min(scored.score for scored in found), max(scored.score for scored in found)
    if high == low:
        return {scored.id: 1.0 for scored in found}
    return {scored.id: (scored.score - low) / (high - low) for scored in found}


def _ranked(lists: Mapping[str, Sequence[Scored]], parts: Mapping[str, Mapping[str, float]]) -> Fused:
    scores: dict[str, dict[str, float]] = {}
    for name, found in lists.items():
        for scored in found:
            scores.setdefault(scored.id, {})[name] = scored.score
    for id_, named in scores.items():
        named["fused"] = sum(part.get(id_, 0.0) for part in parts.values())
    # Ties are broken by id, so that one index gives one order.
    return sorted(scores.items(), key=lambda item: (-item[1]["fused"], item[0]))
