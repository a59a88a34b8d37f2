"""What a comparison found, in sentences."""

from __future__ import annotations

from ragstone.evaluation.compare import Difference
from ragstone.evaluation.tune import CURRENT, FEWEST, Row, Tuning

__all__ = ["findings", "said", "size_findings"]


def findings(tuning: Tuning) -> list[str]:
    """The verdict on the current pipeline, then on fusing and on reranking."""
    asked = len(tuning.choosing) + len(tuning.judging)
    if not tuning.enough:
        return [f"{asked} questions are too few: from fewer than {FEWEST} nothing can be told."]
    found = [_verdict(tuning)]
    single, hybrid, reranked = tuning.best(_single), tuning.best(_plain), tuning.best(_reranked)
    if single and tuning.current.spec.mode == "hybrid":
        found += _as_it_is_set(tuning, single)
    if single and hybrid:
        found.append(_judged(tuning, "Hybrid search", hybrid, single))
    if hybrid and reranked:
        found.append(_judged(tuning, "Reranking", reranked, hybrid))
    return found


def size_findings(sizes: Tuning) -> str:
    """The verdict on the size of chunks."""
    chosen, current = sizes.chosen, sizes.current
    if not sizes.enough or chosen is current:
        return f"Chunks of {current.name} stay: no other size was better on the questions that choose."
    if not sizes.real:
        return (
            f"Chunks of {chosen.name} were best on the questions that choose, but their gain over {current.name} on "
            f"the others, {said(sizes.gain)}, may be luck."
        )
    return (
        f"Chunks of {chosen.name} are better than those of {current.name}: {said(sizes.gain)}. Write "
        f"`size: {chosen.size}` into `split` of the ingest pipeline, run `ragstone ingest`, and tune again."
    )


def said(difference: Difference) -> str:
    """A difference with its interval, as in `+0.034 (+0.012 to +0.057)`."""
    low, high = difference.interval
    return f"{difference.mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _verdict(tuning: Tuning) -> str:
    chosen, gain = tuning.chosen, tuning.gain
    if chosen is tuning.current:
        return "The current pipeline was best on the questions that choose: there is nothing to change."
    if tuning.real:
        return (
            f"{chosen.name} is better than the current pipeline: {said(gain)} on the {gain.questions} questions "
            "that had no say in the choice."
        )
    verdict = "it is worse" if gain.lost else "that is no gain beyond luck"
    return (
        f"{chosen.name} was best on the questions that choose, but on the others it makes {said(gain)} against the "
        f"current pipeline: {verdict}, and there is nothing to change."
    )


def _as_it_is_set(tuning: Tuning, single: Row) -> list[str]:
    """Whether the current hybrid pipeline is worse than one of its halves. That it is better is what anyone expects."""
    difference = tuning.current.over(single, tuning.judging)
    if not difference.lost:
        return []
    return [f"Hybrid search as it is set hurts here: the current pipeline against {single.name} is {said(difference)}."]


def _judged(tuning: Tuning, what: str, one: Row, other: Row) -> str:
    difference = one.over(other, tuning.judging)
    pair = f"{_named(one)} against {other.name} is {said(difference)}."
    if not difference.better and not difference.worse:
        return (
            f"{what} changes nothing here: {_named(one)} ranks as well as {other.name} on every question that judges."
        )
    if difference.gained:
        return f"{what} helps here: {pair}"
    if difference.lost:
        return f"{what} hurts here, even at its best: {pair}"
    return f"Whether {what.lower()} helps here cannot be told: {pair}"


def _named(row: Row) -> str:
    return "the current pipeline" if row.name == CURRENT else row.name


def _single(row: Row) -> bool:
    return row.spec.mode != "hybrid" and _unchanged(row)


def _plain(row: Row) -> bool:
    return row.spec.mode == "hybrid" and _unchanged(row)


def _reranked(row: Row) -> bool:
    return row.spec.mode == "hybrid" and not _unchanged(row)


def _unchanged(row: Row) -> bool:
    """Whether what was fused keeps its order."""
    return row.spec.rerank is None and (row.spec.mode == "lexical" or not row.spec.smooth)
