"""Whether one configuration is better than another on the same questions, or only luckier."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragstone.errors import UsageError
from ragstone.evaluation.resampling import Interval, resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Difference", "compared", "paired", "permuted", "read_figures"]

EXACT = 12  # questions, up to which every exchange is tried
PERMUTATIONS, BATCH = 10_000, 500
TINY = 1e-9  # two differences of the same questions that are added in another order


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much the second of two configurations is better: the mean over the questions, with its interval (95 %).

    `p` is the probability of a difference at least as large, either way, between two that are equally good, by the
    bootstrap, and `permuted` the same by a permutation test. `better` and `worse` are numbers of questions; the others
    are equal. `margin` is half of an interval (95 %) that lies around the mean, so that the two can be written as
    `mean ± margin`; `chance` is the probability that there is no gain.
    """

    mean: float
    interval: Interval
    p: float
    permuted: float
    better: int
    worse: int
    questions: int
    margin: float
    chance: float

    @property
    def gained(self) -> bool:
        """Whether the second is better beyond doubt: the whole interval lies above 0."""
        return self.interval[0] > 0

    @property
    def lost(self) -> bool:
        """Whether the second is worse beyond doubt: the whole interval lies below 0."""
        return self.interval[1] < 0

    def as_dict(self) -> dict[str, Any]:
        """The difference as `--json` prints it."""
        return {
            "mean": round(self.mean, 6),
            "interval": [round(bound, 6) for bound in self.interval],
            "p": round(self.p, 4),
            "permuted": round(self.permuted, 4),
            "better": self.better,
            "worse": self.worse,
            "questions": self.questions,
        }


def paired(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Difference:
    """The paired bootstrap (Efron and Tibshirani 1993, chapter 16): questions are drawn again, each with both figures.

    >>> paired([0.0, 0.5, 1.0], [0.5, 1.0, 1.0]).mean
    0.3333333333333333

    Raises UsageError for no questions.
    """
    if not before:
        raise UsageError("there is no question to compare")
    each = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    means, mean = resampled(each.tolist(), seed=seed), float(each.mean())
    low, high = np.quantile(means, [0.025, 0.975])
    # Moved to the middle 0, the resampled means are those of two that are equally good.
    as_far = int(np.count_nonzero(np.abs(means - mean) >= abs(mean) - TINY))
    return Difference(
        mean=mean,
        interval=(float(low), float(high)),
        p=(as_far + 1) / (len(means) + 1),
        permuted=permuted(each, seed=seed),
        better=int(np.count_nonzero(each > 0)),
        worse=int(np.count_nonzero(each < 0)),
        questions=len(each),
        # The symmetric bootstrap interval (Hall 1988); where it leaves out 0, `p` lies below 0.05.
        margin=float(np.quantile(np.abs(means - mean), 0.95)),
        chance=float(np.mean(means <= TINY)),
    )


def permuted(differences: NDArray[np.float64], *, seed: int = 0) -> float:
    """The probability of a mean at least as far from 0 if each question's two figures were exchanged by a coin.

    It is Fisher's randomization test for pairs (1935), as Smucker et al. 2007 advise it for search engines: exact for
    few questions, else by 10,000 draws.

    >>> permuted(np.array([1.0, 1.0, 1.0, 1.0]))
    0.125
    """
    changed = differences[np.abs(differences) > TINY]
    if not len(changed):
        return 1.0
    reached = abs(float(changed.sum())) - TINY
    if len(changed) <= EXACT:
        signs = np.asarray(list(product((1.0, -1.0), repeat=len(changed))), np.float64)
        return float(np.mean(np.abs(signs @ changed) >= reached))
    random, as_far = np.random.default_rng(seed), 0
    for _ in range(PERMUTATIONS // BATCH):
        signs = 1.0 - 2.0 * random.integers(0, 2, (BATCH, len(changed)))
        as_far += int(np.count_nonzero(np.abs(signs @ changed) >= reached))
    return (as_far + 1) / (PERMUTATIONS + 1)


def compared(
    before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]
) -> dict[str, Difference]:
    """The difference of every figure that both have. Raises UsageError unless both have the same questions."""
    for first, second, where in ((before, after, "the second run"), (after, before, "the first run")):
        missing = next((id_ for id_ in first if id_ not in second), None)
        if missing is not None:
            raise UsageError(
                f"the question {missing!r} is not there", where=where, hint="Compare two runs on the same data set."
            )
    if not before:
        raise UsageError("there is no question to compare")
    names = [name for name in next(iter(before.values())) if name in next(iter(after.values()))]
    if not names:
        raise UsageError("the two runs have no figure in common", hint="Compare two runs of the same evaluation.")
    return {name: paired([before[id_][name] for id_ in before], [after[id_][name] for id_ in before]) for name in names}


def read_figures(path: Path) -> dict[str, dict[str, float]]:
    """What `ragstone eval … --per-query FILE` wrote: each question's figures by its id. Raises UsageError."""
    found: dict[str, dict[str, float]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise UsageError(
            "there is no such file", where=str(path), hint="Make it with: ragstone eval … --per-query FILE"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {error}", where=str(path)) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            id_, figures = _figures(line, f"{path}:{number}")
            found[id_] = figures
    return found


def _figures(line: str, at: str) -> tuple[str, dict[str, float]]:
    expected = 'an object such as {"id": "q1", "ndcg@10": 0.5}'
    try:
        row: Any = json.loads(line)
        id_ = str(row.pop("id"))
        figures = {str(name): float(value) for name, value in row.items()}
    except (ValueError, TypeError, AttributeError, KeyError):
        raise UsageError("is no question's figures", where=at, expected=expected, found=line[:60]) from None
    return id_, figures
