"""What a metric is: a row of numbers for each answer, and one figure for many rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from ragstone.evaluation.cases import Case
from ragstone.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]  # shape (answers, width)

__all__ = ["Metric", "Row", "Tools"]

Row = tuple[float, ...]


class Tools(Protocol):
    """What a metric may ask for beside the answer. All raise what the embedder or the judge raises."""

    async def similarity(self, first: str, second: str) -> float:
        """The cosine of two texts' vectors, from -1 to 1, by the embedder of the pipeline's index."""
        ...

    async def grade(self, outcome: Outcome) -> int:
        """The judge's grade of an answer by its case's rubric, from 1 to 5. Raises Ungraded where it gives none."""
        ...

    async def supported(self, outcome: Outcome) -> tuple[int, int, int, int]:
        """How many claims an answer makes, are supported by a passage, and by their own citation; and good citations.

        A good citation supports the claim that it stands at. See `metrics/grounding.py`.
        """
        ...


class Metric(ABC):
    """One figure of a suite, by the `name` that its file asks for: `f1`, `ndcg@10`.

    Each answer gives a row, a few numbers that are kept with it; many rows give one figure. For most metrics a row is
    one number, and the figure is the mean. Where it is not (BLEU of a corpus, a percentile, the calibration), a row
    holds what the figure is made of, so that rows can be drawn again for an interval.

    `needs` are the fields of a case of which one must be there; without any, every answer has a row. `depth` is how
    many passages it looks at, 0 for none. `least` and `most` bound the figure, None where nothing does.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    unit: ClassVar[str] = ""  # "s", "USD", "tokens"; "" for a share
    least: ClassVar[float | None] = 0.0
    most: ClassVar[float | None] = 1.0
    passing: ClassVar[float | None] = 0.5  # from this score on an answer counts as right; None where that says nothing
    asks: ClassVar[bool] = False  # whether it asks a model
    searches: ClassVar[bool] = False  # whether a search alone, without an answer, is enough for it

    def __init__(self, name: str, *, depth: int = 0) -> None:
        self.name, self.depth = name, depth

    @property
    def title(self) -> str:
        """What it is, in a few words and for a person: the first sentence of its docstring without its full stop."""
        return (self.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    def applies(self, case: Case) -> bool:
        """Whether a case says enough for it."""
        return not self.needs or bool(self.needs & case.expects)

    @abstractmethod
    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The numbers of one answer; None where it has none, such as the citations of an answer that abstains.

        It is asked only where the metric applies to the case and there is no error.
        """
        ...

    def figure(self, rows: Rows) -> float:
        """One number for many rows, at least one: their mean."""
        return float(rows[:, 0].mean())

    def score(self, row: Row) -> float | None:
        """What one answer alone is worth, to find the questions that flipped; None where that says nothing."""
        return row[0]
