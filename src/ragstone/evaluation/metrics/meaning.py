"""How near an answer comes to a right one in meaning, by the vectors of both."""

from __future__ import annotations

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Similarity"]


class Similarity(Metric):
    """Similarity of an answer to a right one, by the vectors of both.

    similarity = the cosine of the answer's vector and that of an expected answer, the best over the expected ones, by
    the embedder of the pipeline's index. An abstention counts 0.
    Range: -1 to 1, higher is better; the mean over the answers. What is a good figure depends on the embedder: compare
    runs, and only those with the same one. Two answers that contradict each other may come very near.
    Source: Risch et al. 2021, "Semantic Answer Similarity for Evaluating Question Answering Models" (their bi-encoder).
    """

    needs = frozenset({"expected"})
    least = -1.0
    passing = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The best cosine; None for a search alone."""
        if "text" not in outcome.answer:
            return None
        if not outcome.text:
            return (0.0,)
        found = [await tools.similarity(outcome.text, right) for right in outcome.case.expected]
        return (min(1.0, max(-1.0, *found)),)
